//! Policies: drafted from evidence, refused until confirmed, shown in plain words.

use std::time::{SystemTime, UNIX_EPOCH};

use prism_attest::binding::{AgentBinding, ReportData, SessionBinding};
use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedVendor};
use prism_core::entropy::SystemEntropy;

use crate::support::{Place, drafted};

/// A folder with evidence of this folder's own simulator.
fn attested(mutations: &[Mutation]) -> Place {
    let place = Place::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), now).unwrap();
    let agent = AgentBinding::new([1; 16], vec![2; 91], "log.key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    let report_data = ReportData::compose(&session.leaf(), &agent);
    let (evidence, endorsements) = vendor.attest(&report_data, &Mutations::new(mutations.to_vec())).unwrap();
    place.write("state/simulator.json", vendor.to_bytes().unwrap().as_slice());
    place.set_mode("state/simulator.json", 0o600);
    place.set_mode("state", 0o700);
    place.write("report.bin", evidence.bytes());
    place.write("endorsements.json", endorsements.to_json());
    place
}

const NEW: &str = "policy new --from report.bin --endorsements endorsements.json --state state -o policy.toml";

fn text(place: &Place) -> String {
    String::from_utf8(place.read("policy.toml")).unwrap()
}

#[test]
fn a_drafted_policy_is_refused_until_a_person_confirms_it() {
    let place = attested(&[]);
    let said = place.run(NEW);
    assert!(said.ok().out.starts_with("SIMULATED: no hardware protects this data\n"), "{}", said.out);
    assert!(said.out.contains("next: check each of these "), "{}", said.out);
    let draft = text(&place);
    assert!(draft.contains("\nconfirmed = false\n") && draft.contains("# CONFIRM: "), "{draft}");

    place.run("policy check policy.toml").refused(2, "policy.unconfirmed");
    let shown = place.run("policy show policy.toml");
    assert!(shown.ok().out.contains("NOT CONFIRMED"), "{}", shown.out);

    place.write("policy.toml", draft.replace("\nconfirmed = false\n", "\nconfirmed = true\n"));
    let checked = place.run("policy check policy.toml");
    assert!(checked.ok().out.contains("whole and confirmed"), "{}", checked.out);
    assert!(checked.out.contains("not compared  report id, author key"), "{}", checked.out);
    let json = place.run("policy check policy.toml --json").ok().json();
    assert_eq!((&json["confirmed"], &json["simulated"]), (&true.into(), &true.into()));
    assert_eq!(json["accepts"][0]["platform"], "simulated");
}

#[test]
fn a_policy_shown_as_json_is_a_policy() {
    let place = attested(&[]);
    let made = place.run(&format!("{NEW} --json")).ok().json();
    assert!(made["confirm"].as_array().unwrap().iter().any(|place| place["field"] == "confirmed"));
    assert_eq!(made["platform"], "simulated");
    let shown = place.run("policy show policy.toml --json").ok().json();
    place.write("policy.json", shown["policy"].to_string());
    let again = place.run("policy show policy.json --json").ok().json();
    assert_eq!(again["policy"], shown["policy"]);
    assert_eq!(again["policy"]["confirmed"], false);
}

#[test]
fn what_is_not_genuine_is_not_drafted_from() {
    let place = attested(&[]);
    let mut report = place.read("report.bin");
    report[0x90] ^= 1;
    place.write("forged.bin", &report);
    let forged = NEW.replace("report.bin", "forged.bin");
    place.run(&forged).refused(4, "evidence.refused");
    place.run(&format!("{NEW} --at 2020-01-01T00:00:00Z")).refused(4, "evidence.refused");
    place.run(&format!("{NEW} --platform snp")).refused(4, "evidence.refused");
    place.run(&NEW.replace("--state state", "--state elsewhere")).refused(4, "evidence.refused");
    place.write("short.bin", "no report");
    place.run(&NEW.replace("report.bin", "short.bin")).refused(2, "usage");
    place.run(&NEW.replace("endorsements.json", "report.bin")).refused(2, "file.malformed");
    assert!(!place.path("policy.toml").exists());
    place.run(NEW).ok();
    place.run(NEW).refused(2, "file.exists");
}

#[test]
fn a_weakness_of_the_machine_is_said_and_not_permitted() {
    let place = attested(&[Mutation::Debug]);
    let said = place.run(NEW);
    assert!(said.ok().out.contains("allow.debug: THE MACHINE HAS THIS WEAKNESS"), "{}", said.out);
    assert!(text(&place).contains("\ndebug = false\n"));
    place.write("policy.toml", text(&place).replace("\ndebug = false\n", "\ndebug = true\n"));
    let shown = place.run("policy show policy.toml");
    assert!(shown.ok().out.contains("permits       DEBUG"), "{}", shown.out);
}

#[test]
fn a_policy_that_leaves_something_out_is_refused_with_its_place() {
    let place = attested(&[]);
    place.run(NEW).ok();
    let whole = text(&place);
    let line = whole.lines().find(|line| line.starts_with("host_data = ")).unwrap();
    for (cut, named) in [
        (whole.replace(line, ""), "accept[0].simulated.snp: missing field `host_data`"),
        (whole.replace(line, "host_data = \"Any\""), "accept[0].simulated.snp.host_data"),
        (whole.replace(line, "host_data = []"), "accept[0].simulated.snp.host_data"),
        (whole.replace("version = 1\n", "version = 2\n"), "expected version 1"),
        (whole.replace("confirmed = false\n", ""), "missing field `confirmed`"),
    ] {
        place.write("cut.toml", &cut);
        for verb in ["check", "show"] {
            let said = place.run(&format!("policy {verb} cut.toml"));
            let error = &said.refused(2, "policy.malformed").err;
            assert!(error.contains(named) && error.contains("cut.toml: "), "{error}");
        }
    }
    place.run("policy check nothing.toml").refused(5, "file.missing");
}

#[test]
fn a_manifest_takes_a_confirmed_policy_and_no_other() {
    let place = drafted(&["lab", "hospital", "institute"]);
    let policy = String::from_utf8(place.read("policy.json")).unwrap();
    let document = |confirmed: bool| policy.replacen('{', &format!("{{\"version\":1,\"confirmed\":{confirmed},"), 1);
    place.write("policy.json", document(false));
    place.run("manifest new covid19.toml -o m.json").refused(2, "policy.unconfirmed");
    place.write("policy.json", document(true));
    place.run("manifest new covid19.toml -o m.json").ok();
    let shown = place.run("manifest show m.json");
    assert!(shown.ok().out.contains("On which machines\n  AMD SEV-SNP\n"), "{}", shown.out);
}

#[test]
fn tdx_and_azure_are_shown_in_plain_words() {
    let place = Place::new();
    place.write("policy.json", include_str!("../cmd/policies.json"));
    let shown = place.run("policy show policy.json").ok().out.clone();
    for words in [
        "Accepts machines of any of these kinds\n",
        "  Intel TDX\n  status        UpToDate or OutOfDate\n                out of date for at most 30 days\n",
        "  refuses       machines with INTEL-SA-00837\n",
        "  register      RTMR0 any\n",
        "  event log     demanded",
        "  permits       the guest may use performance counters\n",
        "  AMD SEV-SNP on Azure, with its virtual TPM\n",
        "  register      PCR4 ",
        "  not compared  RTMR0, ",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    place.run("policy check policy.json").ok();
}

#[test]
fn names_of_a_guest_that_any_host_may_sign_are_shown_as_the_hosts_word() {
    let place = Place::new();
    place.run("simulate evidence --platform snp -o m").ok();
    let policy = String::from_utf8(place.read("m/policy.toml")).unwrap();
    let (key, family) = ("ab".repeat(48), policy.lines().find(|line| line.starts_with("family_ids")).unwrap());
    let no_names = policy.replace(family, "family_ids = \"any\"").replace("min_guest_svn = 1", "min_guest_svn = 0");
    for (policy, warned) in [
        (policy.clone(), true),
        (policy.replace("min_guest_svn = 1", "min_guest_svn = 0"), true),
        (no_names.replace("min_guest_svn = 0", "min_guest_svn = 1"), true),
        (no_names, false),
        (policy.replace("id_keys = \"any\"", &format!("id_keys = [\"{key}\"]")), false),
        (policy.replace("author_keys = \"any\"", &format!("author_keys = [\"{key}\"]")), false),
    ] {
        place.write("p.toml", &policy);
        let shown = place.run("policy show p.toml").ok().out.clone();
        assert_eq!(shown.contains("HOST'S WORD"), warned, "{shown}");
    }
}
