//! Modules that the tests write: calls of WASI, one after the other.

use std::fmt::Write;

/// What every module has: WASI's functions and a few of its own.
const PRELUDE: &str = include_str!("prelude.wat");

/// Where texts begin.
const TEXTS: usize = 1024;

/// The numbers of `HOME` and of `TMPDIR`; that of the working directory is 3.
pub(crate) const HOME: u32 = 4;
pub(crate) const TEMPORARY: u32 = 5;

/// A module in the making.
#[derive(Default)]
pub(crate) struct Program {
    texts: Vec<u8>,
    functions: String,
    code: String,
}

impl Program {
    /// The address and the length of a text, as operands.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let at = TEXTS + self.texts.len();
        self.texts.extend(text.as_bytes());
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    /// Instructions of `_start`.
    pub(crate) fn then(mut self, code: &str) -> Self {
        writeln!(self.code, "    {code}").unwrap();
        self
    }

    /// Instructions in which `{name}` stands for the text of that name.
    pub(crate) fn with(mut self, code: &str, texts: &[(&str, &str)]) -> Self {
        let code = texts.iter().fold(code.to_owned(), |code, (name, text)| {
            let operands = self.text(text);
            code.replace(&format!("{{{name}}}"), &operands)
        });
        self.then(&code)
    }

    /// A function, or whatever else stands beside `_start`.
    pub(crate) fn beside(mut self, function: &str) -> Self {
        writeln!(self.functions, "  {function}").unwrap();
        self
    }

    /// Says `name` and what the call answered: 0 when it got through.
    pub(crate) fn attempt(mut self, name: &str, call: &str, texts: &[(&str, &str)]) -> Self {
        let said = self.text(&format!("{name}: "));
        self.with(&format!("(call $print {said}) (call $number {call})"), texts)
    }

    /// Writes `content` to the file `name` in the working directory.
    pub(crate) fn put(self, name: &str, content: &str) -> Self {
        self.with("(call $put (i32.const 3) {name} {content})", &[("name", name), ("content", content)])
    }

    /// The binary module.
    pub(crate) fn module(&self) -> Vec<u8> {
        let bytes = self.texts.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        });
        let Self { functions, code, .. } = self;
        let module = format!(
            "(module\n{PRELUDE}\n  (data (i32.const {TEXTS}) \"{bytes}\")\n{functions}\n  \
             (func (export \"_start\") (local $out i32) (local $n i32)\n{code}))"
        );
        wat::parse_str(&module).unwrap_or_else(|error| panic!("{error}"))
    }
}
