//! What people see, word by word.

#[test]
fn commands_say_what_their_transcripts_say() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
