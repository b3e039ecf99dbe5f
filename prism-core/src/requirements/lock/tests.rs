use super::*;

fn hash() -> String {
    format!("--hash=sha256:{}", "ab".repeat(32))
}

fn count(text: &str) -> Result<usize, LockError> {
    Lock::read(text).map(|lock| lock.packages().len())
}

#[test]
fn what_uv_and_pip_compile_write_is_accepted() {
    let text = format!(
        "# made by a tool\nnumpy==2.4.6 \\\n    {h} \\\n    {h}\n    # via -r requirements.in\n\
         scikit-learn==1.9.1 ; python_version >= \"3.11\" \\\n    {h}\nuvicorn[standard]==0.30.0 {h}  # note\n\
         torch==2.6.0+cpu {h} --hash=sha512:{}\n",
        "cd".repeat(64),
        h = hash()
    );
    assert_eq!(count(&text), Ok(4));
    assert_eq!(count("# nothing\n\n"), Ok(0));
}

#[test]
fn a_package_without_a_hash_is_refused_with_its_line() {
    let text = format!("numpy==2.4.6 {}\n\npillow==13.0\n", hash());
    assert_eq!(count(&text), Err(LockError::NoHash { line: 3 }));
    let text = format!("numpy==2.4.6 --hash=sha512:{}\n", "ab".repeat(64));
    assert_eq!(count(&text), Err(LockError::NoHash { line: 1 }));
}

#[test]
fn what_is_not_a_pinned_package_is_refused() {
    let h = hash();
    for line in [
        format!("numpy>=2 {h}"),
        format!("numpy {h}"),
        format!("numpy==2.* {h}"),
        format!("numpy=== {h}"),
        format!("numpy===2.0 {h}"),
        format!("numpy==2,<3 {h}"),
        format!("https://example.org/numpy.whl {h}"),
        format!("numpy @ https://example.org/numpy.whl {h}"),
        format!("./numpy.whl {h}"),
        format!("-e . {h}"),
        "--index-url https://example.org".to_owned(),
        "--extra-index-url=https://example.org".to_owned(),
        "-r other.txt".to_owned(),
        format!("numpy==2.4.6 {h} --global-option=x"),
        format!("numpy==2.4.6 {h} --config-settings x=y"),
        format!("numpy[a b]==2.4.6 {h}"),
        "numpy==2.4.6 --hash=md5:00112233445566778899aabbccddeeff".to_owned(),
        "numpy==2.4.6 --hash=sha256:00".to_owned(),
    ] {
        assert_eq!(count(&line), Err(LockError::NotPinned { line: 1 }), "{line}");
    }
}

#[test]
fn a_marker_that_is_none_is_refused_with_its_line() {
    let text = format!("\nnumpy==2.4.6 ; `id` {}", hash());
    assert!(matches!(count(&text), Err(LockError::Marker { line: 2, .. })));
}

#[test]
fn lines_that_another_reader_would_read_otherwise_are_refused() {
    let package = format!("numpy==2.4.6 {}\n", hash());
    for hidden in ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u{85}", "\u{2028}", "\u{2029}"] {
        let text = format!("{package}# note{hidden}--no-binary :all:\n");
        assert_eq!(count(&text), Err(LockError::NotPlain { line: 2 }), "{hidden:?}");
    }
    for encoding in ["# -*- coding: utf-7 -*-", "# coding=utf-7"] {
        let text = format!("{encoding}\n# +AAo---no-binary :all:\n{package}");
        assert_eq!(count(&text), Err(LockError::NotPlain { line: 1 }), "{encoding}");
    }
}

#[test]
fn one_package_under_two_spellings_is_refused() {
    let text = format!("scikit-learn==1 {h}\nScikit_Learn==2 {h}\n", h = hash());
    assert_eq!(count(&text), Err(LockError::Duplicate { line: 2 }));
}

#[test]
fn markers_choose_one_of_two_versions_and_never_both() {
    let old = "numpy==1.26 ; python_version < \"3.11\"";
    let lock = |second: &str| Lock::read(&format!("{old} {h}\nnumpy==2.4 ; {second} {h}\n", h = hash())).unwrap();
    let target = |version: &str| Target { full_version: version.to_owned(), ..Target::example() };
    let versions = |lock: &Lock, version: &str| {
        let chosen = lock.packages_for(&target(version))?;
        Ok::<_, LockError>(chosen.into_iter().map(Package::version).collect::<Vec<_>>())
    };
    let apart = lock("python_version >= \"3.11\"");
    assert_eq!(versions(&apart, "3.10.4"), Ok(vec!["1.26".to_owned()]));
    assert_eq!(versions(&apart, "3.11.0"), Ok(vec!["2.4".to_owned()]));
    let both = lock("python_version >= \"3.10\"");
    assert_eq!(versions(&both, "3.10.4"), Err(LockError::Duplicate { line: 2 }));
    let without = format!("{old} {h}\nnumpy==2.4 {h}\n", h = hash());
    assert_eq!(count(&without), Err(LockError::Duplicate { line: 2 }));
}

#[test]
fn a_version_without_a_local_label_is_that_with_any() {
    let lock = Lock::read(&format!("torch==2.6.0 {h}\nvision==1.0+cpu {h}\n", h = hash())).unwrap();
    let is_of =
        |place: usize, file: &str| lock.packages()[place].is_of(&crate::requirements::WheelName::read(file).unwrap());
    assert!(is_of(0, "torch-2.6.0-py3-none-any.whl") && is_of(0, "torch-2.6.0+cpu-py3-none-any.whl"));
    assert!(!is_of(0, "torch-2.6.1+cpu-py3-none-any.whl") && !is_of(0, "torch-2.6.0.post1-py3-none-any.whl"));
    assert!(is_of(1, "vision-1.0+cpu-py3-none-any.whl"));
    assert!(!is_of(1, "vision-1.0-py3-none-any.whl") && !is_of(1, "vision-1.0+cu124-py3-none-any.whl"));
}
