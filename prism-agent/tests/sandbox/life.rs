use crate::tests;
tests!["life":];
pub(crate) fn agent_main_if_asked() {}
