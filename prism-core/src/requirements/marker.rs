//! Environment markers (PEP 508), as far as they have one meaning for every installer.
//!
//! Comparisons are between one variable and one literal. Versions are compared as versions (PEP 440), other values by
//! equality or containment only. What depends on the kernel that happens to run, and `extra`, which no lock decides any
//! more, is refused. The crates for all of PEP 508 guess where it leaves room: this one does not.

use std::str::FromStr as _;

use pep440_rs::{Operator, Version, VersionPattern, VersionSpecifier};

use super::Target;

/// Most markers in parentheses inside each other.
const DEPTH_MAX: usize = 16;

/// Longest marker in bytes.
const LENGTH_MAX: usize = 4096;

/// Why a text is not a marker that has one meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkerError {
    /// Not the grammar.
    #[error("expected a comparison such as python_version >= \"3.11\", found something else at byte {at}")]
    Syntax {
        /// Where, in bytes from the semicolon.
        at: usize,
    },
    /// A variable that says nothing about an interpreter, or none.
    #[error("expected a variable that the interpreter decides, such as python_version or sys_platform, found {name}")]
    Variable {
        /// What was found.
        name: String,
    },
    /// Two variables or two literals.
    #[error("expected a variable and a literal on the two sides of a comparison, found two of a kind")]
    Sides,
    /// An operator that has no single meaning for the values.
    #[error("expected an operator that {variable} can be compared by, found {operator}")]
    Operator {
        /// The variable.
        variable: String,
        /// The operator.
        operator: String,
    },
    /// A literal that is no version where one is needed.
    #[error("expected a version that {variable} can be compared with, found {found:?}")]
    Version {
        /// The variable.
        variable: String,
        /// What was found.
        found: String,
    },
    /// Too long or too deep.
    #[error("expected a marker of at most {LENGTH_MAX} bytes and {DEPTH_MAX} levels, found more")]
    TooLarge,
}

/// A condition on an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Version(VersionVariable, VersionSpecifier),
    /// The variable's value is one of these; or is none, negated.
    Text {
        variable: TextVariable,
        literal: String,
        test: Test,
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    /// The value is in the literal.
    InLiteral,
    /// The literal is in the value.
    InValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VersionVariable {
    Python,
    PythonFull,
    Implementation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextVariable {
    OsName,
    SysPlatform,
    PlatformSystem,
    PlatformMachine,
    ImplementationName,
    PlatformImplementation,
}

impl Marker {
    /// Reads a marker: what follows the semicolon of a requirement.
    ///
    /// # Errors
    /// [`MarkerError`] says what has no single meaning.
    pub fn read(text: &str) -> Result<Self, MarkerError> {
        if text.len() > LENGTH_MAX {
            return Err(MarkerError::TooLarge);
        }
        let mut reader = Reader { text, at: 0, depth: 0 };
        let node = reader.any()?;
        reader.space();
        if reader.at == text.len() { Ok(Self(node)) } else { Err(reader.syntax()) }
    }

    /// Whether it holds for an interpreter.
    #[must_use]
    pub fn holds_for(&self, target: &Target) -> bool {
        self.0.holds_for(target)
    }
}

impl Node {
    fn holds_for(&self, target: &Target) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds_for(target)),
            Self::Any(parts) => parts.iter().any(|part| part.holds_for(target)),
            Self::Version(variable, specifier) => {
                variable.value(target).parse().is_ok_and(|value: Version| admits(specifier, &value))
            }
            Self::Text { variable, literal, test, negated } => {
                let value = variable.value(target);
                let found = match test {
                    Test::Equal => value == *literal,
                    Test::InLiteral => literal.contains(&value),
                    Test::InValue => value.contains(literal),
                };
                found != *negated
            }
        }
    }
}

/// Whether a version is one that a comparison asks for. `pep440_rs` finds no preview of a release older than another
/// preview of it; PEP 440 keeps only those apart that are compared with the release itself.
fn admits(specifier: &VersionSpecifier, value: &Version) -> bool {
    if *specifier.operator() == Operator::LessThan && specifier.version().any_prerelease() {
        return value < specifier.version();
    }
    specifier.contains(value)
}

impl VersionVariable {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "python_version" => Self::Python,
            "python_full_version" => Self::PythonFull,
            "implementation_version" => Self::Implementation,
            _ => return None,
        })
    }

    fn value(self, target: &Target) -> &str {
        match self {
            Self::Python => target.minor_version(),
            // Of CPython, which alone is known to number itself as the language.
            Self::PythonFull | Self::Implementation => &target.full_version,
        }
    }
}

impl TextVariable {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "os_name" => Self::OsName,
            "sys_platform" => Self::SysPlatform,
            "platform_system" => Self::PlatformSystem,
            "platform_machine" => Self::PlatformMachine,
            "implementation_name" => Self::ImplementationName,
            "platform_python_implementation" => Self::PlatformImplementation,
            _ => return None,
        })
    }

    fn value(self, target: &Target) -> String {
        match self {
            Self::OsName => "posix".to_owned(),
            Self::SysPlatform => "linux".to_owned(),
            Self::PlatformSystem => "Linux".to_owned(),
            Self::PlatformMachine => target.machine.clone(),
            Self::ImplementationName => target.implementation.clone(),
            Self::PlatformImplementation => match target.implementation.as_str() {
                "cpython" => "CPython".to_owned(),
                "pypy" => "PyPy".to_owned(),
                "graalpy" => "GraalVM".to_owned(),
                other => other.to_owned(),
            },
        }
    }
}

/// One side of a comparison.
enum Side<'a> {
    Variable(&'a str),
    Literal(&'a str),
}

/// A recursive descent over the text, one byte of look-ahead.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> Result<Node, MarkerError> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(Node::Any(parts))
    }

    fn all(&mut self) -> Result<Node, MarkerError> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Ok(Node::All(parts))
    }

    fn one(&mut self) -> Result<Node, MarkerError> {
        if !self.take("(") {
            let (left, operator, right) = (self.side()?, self.operator()?, self.side()?);
            return compare(left, operator, right);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(MarkerError::TooLarge);
        }
        let inner = self.any()?;
        self.depth -= 1;
        if self.take(")") { Ok(inner) } else { Err(self.syntax()) }
    }

    fn side(&mut self) -> Result<Side<'a>, MarkerError> {
        for quote in ["\"", "'"] {
            if self.take(quote) {
                let rest = self.rest();
                let end = rest.find(quote).ok_or_else(|| self.syntax())?;
                self.at += end + quote.len();
                return Ok(Side::Literal(rest.get(..end).unwrap_or_default()));
            }
        }
        let name = self.name();
        if name.is_empty() { Err(self.syntax()) } else { Ok(Side::Variable(name)) }
    }

    fn operator(&mut self) -> Result<&'static str, MarkerError> {
        const SYMBOLS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| self.take(symbol)) {
            return Ok(symbol);
        }
        if self.word("in") {
            return Ok("in");
        }
        if self.word("not") && self.word("in") { Ok("not in") } else { Err(self.syntax()) }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn take(&mut self, symbol: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    /// A keyword, which ends where a name would.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let before = self.at;
        let found = self.name() == word;
        if !found {
            self.at = before;
        }
        found
    }

    fn name(&mut self) -> &'a str {
        self.space();
        let rest = self.rest();
        let end = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    const fn syntax(&self) -> MarkerError {
        MarkerError::Syntax { at: self.at }
    }
}

fn compare(left: Side<'_>, operator: &str, right: Side<'_>) -> Result<Node, MarkerError> {
    let (name, literal, variable_first) = match (left, right) {
        (Side::Variable(name), Side::Literal(literal)) => (name, literal, true),
        (Side::Literal(literal), Side::Variable(name)) => (name, literal, false),
        _ => return Err(MarkerError::Sides),
    };
    if let Some(variable) = VersionVariable::of(name) {
        let operator = if variable_first { operator } else { mirrored(operator) };
        return Ok(Node::Version(variable, specifier(name, operator, literal)?));
    }
    let variable = TextVariable::of(name).ok_or_else(|| MarkerError::Variable { name: name.to_owned() })?;
    let within = if variable_first { Test::InLiteral } else { Test::InValue };
    let (test, negated) = match operator {
        "==" => (Test::Equal, false),
        "!=" => (Test::Equal, true),
        "in" => (within, false),
        "not in" => (within, true),
        _ => return Err(MarkerError::Operator { variable: name.to_owned(), operator: operator.to_owned() }),
    };
    Ok(Node::Text { variable, literal: literal.to_owned(), test, negated })
}

/// The operator with its sides exchanged; what cannot be stays and is refused.
fn mirrored(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "~=" => "a mirrored ~=",
        other => other,
    }
}

fn specifier(variable: &str, operator: &str, literal: &str) -> Result<VersionSpecifier, MarkerError> {
    let operator = match operator {
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::LessThan,
        "<=" => Operator::LessThanEqual,
        ">" => Operator::GreaterThan,
        ">=" => Operator::GreaterThanEqual,
        "~=" => Operator::TildeEqual,
        other => {
            return Err(MarkerError::Operator { variable: variable.to_owned(), operator: other.to_owned() });
        }
    };
    let refused = || MarkerError::Version { variable: variable.to_owned(), found: literal.to_owned() };
    // In its normal form, so that nobody reads it otherwise, and without the labels of somebody's own builds.
    let number = literal.strip_suffix(".*").unwrap_or(literal);
    let plain = Version::from_str(number).is_ok_and(|version| version.to_string() == number && !version.is_local());
    let pattern = VersionPattern::from_str(literal).ok().filter(|_| plain).ok_or_else(refused)?;
    VersionSpecifier::from_pattern(operator, pattern).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        Marker::read(text).unwrap().holds_for(&Target::example())
    }

    #[test]
    fn markers_hold_as_installers_say() {
        for text in [
            "python_version >= \"3.11\"",
            "'3.11' <= python_version",
            "python_version == '3.*'",
            "python_version ~= '3.8'",
            "python_full_version < '3.12' and python_full_version != '3.11.6'",
            "sys_platform == 'linux' or sys_platform == 'darwin'",
            "sys_platform in 'linux darwin'",
            "'nux' in platform_system",
            "platform_machine not in 'arm64 aarch64'",
            "(os_name == 'nt' or implementation_name == 'cpython') and platform_python_implementation == 'CPython'",
            "((python_version > '3.9'))",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "python_version < '3.11'",
            "python_version > '3.11'",
            "'3.12' <= python_version",
            "python_version == '2.*'",
            "python_full_version == '3.11'",
            "sys_platform == 'win32'",
            "platform_machine != 'x86_64'",
            "os_name == 'nt' or os_name == 'java' and sys_platform == 'linux'",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn three_ten_is_newer_than_three_nine() {
        let target = Target { full_version: "3.10.0".to_owned(), ..Target::example() };
        assert!(Marker::read("python_version > '3.9'").unwrap().holds_for(&target));
    }

    /// As `packaging.markers` and `packaging.specifiers` say.
    #[test]
    fn previews_are_older_than_what_they_precede() {
        let of = |full_version: &str, text: &str| {
            let target = Target { full_version: full_version.to_owned(), ..Target::example() };
            Marker::read(text).unwrap().holds_for(&target)
        };
        for (version, text, expected) in [
            ("3.11.0", "python_full_version < '3.11.0a7'", false),
            ("3.11.0a6", "python_full_version < '3.11.0a7'", true),
            ("3.11.0rc1", "python_full_version >= '3.11.0a7'", true),
            ("3.13.0rc1", "python_full_version >= '3.13'", false),
            ("3.13.0rc1", "python_full_version < '3.13'", false),
            ("3.13.0rc1", "python_version >= '3.13'", true),
            ("3.13.0rc1", "python_full_version == '3.13.0rc1'", true),
            ("3.13.0rc1", "python_full_version == '3.13.*'", true),
            ("3.13.0+local", "python_full_version >= '3.13.0'", true),
            ("3.13.0+local", "python_full_version == '3.13.0'", true),
        ] {
            assert_eq!(of(version, text), expected, "{version}: {text}");
        }
    }

    #[test]
    fn what_has_no_single_meaning_is_refused() {
        let error = |text: &str| Marker::read(text).unwrap_err();
        for text in ["", "python_version", "python_version >=", "(sys_platform == 'x'", "sys_platform == 'x", "'a' 'b'"]
        {
            assert!(matches!(error(text), MarkerError::Syntax { .. }), "{text}");
        }
        for text in ["python_version >= '3' junk", "sys_platform == 'x' andos_name == 'y'", "os_name == 'x')", "`id`"] {
            assert!(matches!(error(text), MarkerError::Syntax { .. }), "{text}");
        }
        for text in ["extra == 'x'", "platform_release == '6'", "platform_version == '#1'", "nonsense == 'x'"] {
            assert!(matches!(error(text), MarkerError::Variable { .. }), "{text}");
        }
        for text in ["'a' == 'a'", "os_name == sys_platform"] {
            assert_eq!(error(text), MarkerError::Sides, "{text}");
        }
        for text in [
            "sys_platform < 'x'",
            "python_version === '3.11'",
            "python_version in '3.10 3.11'",
            "'3' ~= python_version",
        ] {
            assert!(matches!(error(text), MarkerError::Operator { .. }), "{text}");
        }
        for text in [
            "python_version > '3.*'",
            "python_version == 'x'",
            "python_full_version == '3.11.0-rc1'",
            "python_full_version == '3.11.0+local'",
            "python_full_version == '3.011.0'",
            "python_full_version == 'v3.11'",
        ] {
            assert!(matches!(error(text), MarkerError::Version { .. }), "{text}");
        }
        let deep = format!("{}os_name == 'posix'{}", "(".repeat(17), ")".repeat(17));
        assert_eq!(error(&deep), MarkerError::TooLarge);
        assert_eq!(error(&" ".repeat(4097)), MarkerError::TooLarge);
    }
}
