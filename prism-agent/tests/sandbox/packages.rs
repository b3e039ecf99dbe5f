use crate::tests;
tests!["packages":];
