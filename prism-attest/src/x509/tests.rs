use super::*;

fn extensions(number: u64) -> Vec<X509Extension<'static>> {
    let named = |last| Oid::from(&[1, 3, 6, 1, 4, 1, last]).unwrap();
    let absent = || ParsedExtension::UnsupportedExtension { oid: named(0) };
    (1..=number).map(|last| X509Extension::new(named(last), false, &[], absent())).collect()
}

#[test]
fn nobody_can_make_us_compare_thousands_of_extensions() {
    assert_eq!(check_extensions(&extensions(64)), Ok(()));
    assert_eq!(check_extensions(&extensions(65)), Err("more extensions than there are"));
    let mut twice = extensions(63);
    twice.extend(extensions(1));
    assert_eq!(check_extensions(&twice), Err("an extension twice"));
}
