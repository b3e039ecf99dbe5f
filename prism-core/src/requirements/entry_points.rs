//! `entry_points.txt`: the programs that a wheel brings.

/// Longest name of a program.
const NAME_MAX: usize = 200;

/// A program: calls `attribute` of `module`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryPoint {
    /// Its name: one file below `bin`.
    pub name: String,
    /// A dotted name.
    pub module: String,
    /// A dotted name.
    pub attribute: String,
}

/// A line is not `name = module:attribute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected name = module:attribute in line {line} of entry_points.txt, found something else; use another version of the package"
)]
#[non_exhaustive]
pub struct EntryPointError {
    /// Line number, from 1.
    pub line: usize,
}

/// Reads the programs of a text's sections `console_scripts` and `gui_scripts`; what other sections say concerns others.
///
/// # Errors
/// [`EntryPointError`] with the number of the first line of those sections that names no program.
pub fn read(text: &str) -> Result<Vec<EntryPoint>, EntryPointError> {
    let (mut programs, mut inside) = (Vec::new(), false);
    // A program and the number of its first line: the lines after it may go on with it.
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let (Some((_, program)), true) = (&mut open, goes_on(raw)) {
            program.push_str(line);
            continue;
        }
        programs.extend(open.take().map(finished).transpose()?);
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = matches!(section.trim(), "console_scripts" | "gui_scripts");
        } else if inside {
            open = Some((index + 1, line.to_owned()));
        }
    }
    programs.extend(open.map(finished).transpose()?);
    Ok(programs)
}

/// Whether a line continues the value of the one before, as `configparser` reads it: it is indented, and names nothing
/// itself. No program's value has an equals sign.
fn goes_on(raw: &str) -> bool {
    raw.starts_with([' ', '\t']) && !raw.contains('=') && !raw.trim_start().starts_with('[')
}

fn finished((line, text): (usize, String)) -> Result<EntryPoint, EntryPointError> {
    program(&text).ok_or(EntryPointError { line })
}

fn program(line: &str) -> Option<EntryPoint> {
    let (name, object) = line.split_once('=')?;
    // What stands in brackets are extras, which say nothing once everything is pinned.
    let object = object.split_once('[').map_or(object, |(object, _)| object);
    let (module, attribute) = object.split_once(':')?;
    let (name, module, attribute) = (name.trim(), module.trim(), attribute.trim());
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"._-+".contains(&b);
    let plain = !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(inner) && !name.starts_with(['.', '-']);
    let whole = plain && is_dotted(module) && is_dotted(attribute);
    whole.then(|| EntryPoint { name: name.to_owned(), module: module.to_owned(), attribute: attribute.to_owned() })
}

/// Names joined by dots, as Python has them; only ASCII, so that they look like what they are.
fn is_dotted(text: &str) -> bool {
    text.split('.').all(|part| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && part.starts_with(|c: char| !c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_others_sections_left_alone() {
        let text = "# made by a tool\n[console_scripts]\nf2py = numpy.f2py.f2py2e:main\n\n  x-y=a:b.c [extra]\n\
                    [numpy.plugins]\nanything goes\n[ gui_scripts ]\nwindow = w:show\n";
        let found: Vec<_> =
            read(text).unwrap().into_iter().map(|p| [p.name, p.module, p.attribute].join("|")).collect();
        assert_eq!(found, ["f2py|numpy.f2py.f2py2e|main", "x-y|a|b.c", "window|w|show"]);
    }

    #[test]
    fn a_program_may_go_on_in_indented_lines() {
        let text = "[console_scripts]\nx =\n    a.b:\n\t# why\n\tc\n  y = d:e\n [other]\nz\n  z\n";
        let found: Vec<_> =
            read(text).unwrap().into_iter().map(|p| [p.name, p.module, p.attribute].join("|")).collect();
        assert_eq!(found, ["x|a.b|c", "y|d|e"]);
        assert_eq!(read("[console_scripts]\nx = a:b\n  c d\n"), Err(EntryPointError { line: 2 }));
        assert_eq!(read("[console_scripts]\n\n  c\n"), Err(EntryPointError { line: 3 }));
    }

    #[test]
    fn what_could_be_code_or_another_file_is_refused() {
        for line in [
            "x",
            "x = a",
            "x = a:",
            "x = :b",
            "= a:b",
            "../x = a:b",
            "x/y = a:b",
            ".x = a:b",
            "x = a b:c",
            "x = a:b(c)",
            "x = a:b;c",
            "x = a..b:c",
            "x = 1a:b",
            "x y = a:b",
            "x = a:b\u{301}",
        ] {
            assert_eq!(read(&format!("[console_scripts]\n{line}\n")), Err(EntryPointError { line: 2 }), "{line}");
        }
    }
}
