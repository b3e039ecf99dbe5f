use crate::tests;
tests!["limits":];
