use crate::tests;
tests!["escape":];
