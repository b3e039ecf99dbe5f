//! What C++ adds: `prism.hpp` alone in every standard, tried as a whole, and what it makes impossible.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prism_agent::files::write_new_private;

use crate::common::{here, library, run, run_path};
use crate::misuse::material;
use crate::room::Room;
use crate::world::{NOW, story, world};

const STANDARDS: [&str; 4] = ["c++11", "c++14", "c++17", "c++20"];

const STRICT: [&str; 7] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wconversion", "-Wold-style-cast"];

const SANITIZED: [&str; 3] = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The compilers that are there.
fn compilers() -> Vec<&'static str> {
    let there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let (found, missing): (Vec<_>, Vec<_>) = ["c++", "clang++"].into_iter().partition(there);
    for name in missing {
        println!("skipped: {name} is not installed");
    }
    assert!(!found.is_empty(), "no compiler of C++ is installed");
    found
}

/// A compiler with every warning an error, and the header that `include` has.
fn strict(compiler: &str, standard: &str, include: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(STRICT).arg("-I").arg(include);
    command
}

fn program(source: &str) -> PathBuf {
    here().join("tests/programs").join(source)
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Compiles a program against the shared library.
fn build(source: &Path, standard: &str, program: &Path, more: &[&str]) -> Output {
    let mut command = strict("c++", standard, &here().join("include"));
    command.args(more).arg("-pthread").arg(source).arg("-o").arg(program).arg(library());
    command.arg(format!("-Wl,-rpath,{}", run_path().display())).output().unwrap()
}

fn place() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn built(place: &Path, source: &Path, standard: &str, more: &[&str]) -> PathBuf {
    let program = place.join(source.file_stem().unwrap());
    let output = build(source, standard, &program, more);
    assert!(output.status.success(), "{standard} {more:?}: {}", words(&output));
    program
}

fn sanitizers_are_there() -> bool {
    let place = place();
    let source = place.path().join("probe.cpp");
    fs::write(&source, "int main() { return 0; }\n").unwrap();
    let there = build(&source, "c++11", &place.path().join("probe"), &SANITIZED).status.success();
    if !there {
        println!("skipped: g++ cannot link with {}", SANITIZED.join(" "));
    }
    there
}

/// What programs without an agent are given: a new folder, and material with keys and a transcript.
fn scene() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let (empty, given) = (place.path().join("empty"), place.path().join("given"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&given).unwrap();
    material(&given);
    for (number, key) in world().keys.iter().enumerate() {
        write_new_private(&given.join(format!("{number}.key")), key.to_pem().as_bytes()).unwrap();
    }
    fs::write(given.join("signed.prism"), world().signed.to_bytes()).unwrap();
    fs::write(given.join("run.transcript"), story().transcript().to_bytes().unwrap()).unwrap();
    (place, empty, given)
}

fn offline(standard: &str, flags: &[&str]) {
    let (place, (_kept, empty, given)) = (place(), scene());
    let program = built(place.path(), &program("plus.cpp"), standard, flags);
    let said = run(Command::new(program).args([&empty, &given]).arg(NOW.to_string()));
    assert!(said.contains("all of it held"), "{said}");
}

fn live(way: &str, flags: &[&str]) {
    let (place, room, other) = (place(), Room::set(), Room::set());
    let program = built(place.path(), &program("plus_live.cpp"), "c++11", flags);
    let said = run(Command::new(program).args([room.path(), other.path()]).arg(way));
    assert!(said.contains("all of it held"), "{said}");
}

#[test]
fn the_header_for_cpp_alone_is_clean_in_every_standard_with_and_without_exceptions() {
    let place = place();
    let file = place.path().join("alone.cpp");
    let text = "#include <prism.hpp>\n#include <prism.hpp>\n#ifdef PRISM_HPP_THROWS\n#error a macro leaks\n#endif\n\
                int main() { return prism::abi_fits() ? 0 : 1; }\n";
    fs::write(&file, text).unwrap();
    for compiler in compilers() {
        for standard in STANDARDS {
            for more in [&[][..], &["-fno-exceptions"], &["-fno-exceptions", "-fno-rtti"]] {
                let mut command = strict(compiler, standard, &here().join("include"));
                let output = command.args(more).arg("-fsyntax-only").arg(&file).output().unwrap();
                assert!(output.status.success(), "{compiler} {standard} {more:?}: {}", words(&output));
            }
        }
    }
}

#[test]
fn every_program_is_clean_in_every_standard() {
    let mut sources: Vec<PathBuf> = ["plus.cpp", "plus_live.cpp", "plus_plain.cpp"].map(program).into();
    sources.push(here().join("examples/hospital.cpp"));
    for compiler in compilers() {
        for standard in STANDARDS {
            for source in &sources {
                let mut command = strict(compiler, standard, &here().join("include"));
                let output = command.arg("-fsyntax-only").arg(source).output().unwrap();
                assert!(output.status.success(), "{compiler} {standard} {}: {}", source.display(), words(&output));
            }
        }
    }
}

#[test]
fn everything_without_an_agent_does_what_it_says() {
    offline("c++11", &[]);
    offline("c++20", &["-O2"]);
}

#[test]
fn everything_without_an_agent_holds_under_sanitizers_too() {
    if sanitizers_are_there() {
        offline("c++11", &SANITIZED);
    }
}

#[test]
fn handles_and_failures_are_enough_without_exceptions() {
    let (place, (_kept, empty, given)) = (place(), scene());
    for flags in [&["-fno-exceptions"][..], &[]] {
        let program = built(place.path(), &program("plus_plain.cpp"), "c++11", flags);
        let said = run(Command::new(program).args([&empty, &given]));
        assert!(said.contains("all of it held"), "{said}");
    }
}

#[test]
fn a_computation_is_carried_out_by_one_program_in_cpp() {
    live("file", &[]);
    live("memory", &[]);
}

#[test]
fn a_computation_is_carried_out_in_cpp_under_sanitizers_too() {
    if sanitizers_are_there() {
        live("memory", &SANITIZED);
    }
}

/// What must not compile, with a word that the compiler has to say.
const IMPOSSIBLE: [(&str, &str); 8] = [
    ("prism::key a = prism::key::generate(\"ed25519\"), b = a;", "deleted"),
    ("prism::key a = prism::key::generate(\"ed25519\"); prism_key_free(a.get());", "const"),
    ("prism::failure why; prism_verdict_free(why.verdict().get());", "const"),
    ("prism::result result; prism_receipt_free(result.receipt().get());", "const"),
    ("auto view = prism::session().verdict(); (void)view;", "deleted"),
    ("auto view = prism::result().receipt(); (void)view;", "deleted"),
    ("auto view = prism::result().data(); (void)view;", "deleted"),
    ("prism::asset::measure(\"a\", [](std::uint64_t, std::uint64_t) { return true; });", "prism::flow"),
];

#[test]
fn what_would_free_twice_or_look_at_what_is_gone_does_not_compile() {
    let place = place();
    let file = place.path().join("impossible.cpp");
    let compiles = |code: &str| {
        fs::write(&file, format!("#include <prism.hpp>\nint main() {{\n{code}\n}}\n")).unwrap();
        let mut command = strict("c++", "c++11", &here().join("include"));
        command.arg("-fsyntax-only").arg(&file).output().unwrap()
    };
    let possible = "prism::session session; auto view = session.verdict(); (void)view;";
    assert!(compiles(possible).status.success(), "{}", words(&compiles(possible)));
    for (code, word) in IMPOSSIBLE {
        let output = compiles(code);
        assert!(!output.status.success() && words(&output).contains(word), "{code}: {}", words(&output));
    }
}

#[test]
fn a_library_with_another_contract_is_refused_before_it_is_used() {
    let place = place();
    for name in ["prism.h", "prism.hpp"] {
        let text = fs::read_to_string(here().join("include").join(name)).unwrap();
        fs::write(place.path().join(name), text.replace("#define PRISM_ABI 1\n", "#define PRISM_ABI 77\n")).unwrap();
    }
    let (source, program) = (place.path().join("other.cpp"), place.path().join("other"));
    let text = "#include <cstdio>\n#include <prism.hpp>\nint main() {\ntry { prism::key::generate(\"ed25519\"); }\n\
                catch (const std::runtime_error &error) { std::puts(error.what()); }\nreturn prism::abi_fits(); }\n";
    fs::write(&source, text).unwrap();
    let mut command = strict("c++", "c++11", place.path());
    command.arg(&source).arg("-o").arg(&program).arg(library());
    run(command.arg(format!("-Wl,-rpath,{}", run_path().display())));
    let said = run(&mut Command::new(&program));
    assert!(said.contains("expected libprism with the contract 77, found one with 1"), "{said}");
}

/// A public name of the header: its class, if it is in one, and whether a comment says what it is.
struct Public {
    class: Option<String>,
    name: String,
    comment: bool,
}

/// The last word before `end`.
fn word_before(line: &str, end: &str) -> Option<String> {
    let (before, _) = line.split_once(end)?;
    let word = before.trim_end().rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    Some(word.to_owned())
}

/// A line without the parameters of its template.
fn plain(line: &str) -> &str {
    let mut depth = 0;
    let closes = |c: char| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        c == '>' && depth == 0
    };
    let end = line.starts_with("template").then(|| line.find(closes)).flatten();
    end.and_then(|end| line.get(end + 1..)).map_or(line, str::trim_start)
}

/// The class that a line at the left begins.
fn class_of(line: &str) -> Option<String> {
    let line = plain(line);
    let rest = line.strip_prefix("class ").or_else(|| line.strip_prefix("struct "))?;
    let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    line.ends_with('{').then(|| name.to_owned())
}

/// What a line at the left, or in the open part of a class, declares.
fn declared(line: &str) -> Option<String> {
    let nothing = ["class ", "using owned::", "using Base::", "static_assert", "template", "public", "namespace"];
    let code = line.trim_start();
    let text = code.starts_with(|c: char| c.is_alphabetic()) && !line.contains("= delete");
    let outside = code.starts_with("inline") && code.contains("::verdict(");
    if !text || outside || nothing.iter().any(|word| code.starts_with(word)) {
        return None;
    }
    if code.contains("operator") {
        return Some("operator".to_owned());
    }
    let end = ["(", " =", ";", " {"].into_iter().filter_map(|end| Some((line.find(end)?, end))).min()?.1;
    word_before(line, end)
}

/// Every public name of the header.
fn names() -> Vec<Public> {
    let text = fs::read_to_string(here().join("include/prism.hpp")).unwrap();
    let (_, text) = text.split_once("namespace prism {").unwrap();
    let pieces: Vec<&str> = text.split("namespace detail {").collect();
    let open = pieces.iter().map(|piece| piece.split_once("} // namespace detail").map_or(*piece, |(_, rest)| rest));
    let (mut names, mut class, mut shown, mut comment) = (Vec::new(), None, false, false);
    for line in open.collect::<String>().lines() {
        let indent = line.len() - line.trim_start().len();
        let begins = if indent == 0 { class_of(line) } else { None };
        let template = line.trim_start().starts_with("template");
        let seen = if indent == 0 { class.is_none() } else { indent == 4 && class.is_some() && shown };
        if let Some(name) = begins.clone().or_else(|| declared(plain(line)).filter(|_| seen)) {
            names.push(Public { class: class.clone(), name, comment: comment || line.contains("/**<") });
        }
        shown = if begins.is_some() { line.starts_with("struct") } else { shown || line == "  public:" };
        class = if line == "};" { None } else { begins.or(class) };
        let text = line.trim_start();
        comment = text.starts_with("/**") || comment && (text.starts_with('*') || template);
    }
    assert!(names.len() > 150, "{}", names.len());
    names
}

#[test]
fn every_public_name_of_the_header_for_cpp_says_what_it_is() {
    let bare = names().into_iter().filter(|name| !name.comment);
    let bare: Vec<String> = bare.map(|name| format!("{}::{}", name.class.unwrap_or_default(), name.name)).collect();
    assert!(bare.is_empty(), "no comment: {bare:?}");
}

/// The functions of the programs that try a class.
fn trials(text: &str, class: &str) -> String {
    let (exact, more) = (format!("void try_{class}("), format!("void try_{class}_"));
    text.split("\nstatic ").filter(|part| part.starts_with(&exact) || part.starts_with(&more)).collect()
}

#[test]
fn every_method_of_the_header_for_cpp_is_tried() {
    let read = |name| fs::read_to_string(program(name)).unwrap();
    let text = read("plus.cpp") + &read("plus_live.cpp");
    let fields = BTreeSet::from(["finding", "participant", "asset_status", "result_status", "audit_finding"]);
    let tried = |name: &Public| match &name.class {
        None if trials(&text, &name.name).is_empty() => text.contains(&format!("prism::{}", name.name)),
        None => true,
        Some(class) if class == &name.name || name.name == "operator" => true,
        Some(class) if fields.contains(class.as_str()) => text.contains(&format!(".{}", name.name)),
        Some(class) if class.ends_with("_options") => text.contains(&format!("options.{}", name.name)),
        Some(class) => {
            let called = format!(".{}(", name.name);
            trials(&text, class).contains(&called)
                || text.contains(&format!("prism::{class}::{}(", name.name))
                || text.contains(&format!(" {class}{called}"))
                || text.contains(&format!("({class}{called}"))
        }
    };
    let untried: Vec<_> = names().into_iter().filter(|name| !tried(name)).map(|name| (name.class, name.name)).collect();
    assert!(untried.is_empty(), "no program tries {untried:?}");
}

#[test]
fn the_code_of_the_page_for_cpp_runs() {
    let page = fs::read_to_string(here().join("README.md")).unwrap();
    let (_, rest) = page.split_once("```cpp\n").unwrap();
    let (code, _) = rest.split_once("```").unwrap();
    let place = place();
    let source = place.path().join("page.cpp");
    let whole = format!("#include <iostream>\n#include <prism.hpp>\nint main() {{\n{code}return 0;\n}}\n");
    fs::write(&source, whole).unwrap();
    let program = built(place.path(), &source, "c++11", &[]);
    let missing = Command::new(&program).current_dir(place.path()).output().unwrap();
    assert!(words(&missing).contains("file.missing"), "{}", words(&missing));
    fs::write(place.path().join("covid19.prism"), world().signed.bytes()).unwrap();
    let said = run(Command::new(&program).current_dir(place.path()));
    assert!(said.contains(&world().signed.manifest().title) && said.contains("hospital-1"), "{said}");
}
