use crate::world::{accepted, not_genuine, refused};

#[test]
fn the_card_shows_what_the_verdict_stands_on() {
    let verdict = accepted();
    let page = verdict.to_html();
    let claims = verdict.claims().unwrap();
    let window = claims.window().to_string();
    let measurement = claims.as_snp().unwrap().measurement().to_string();
    let digest = claims.evidence().to_string();
    for shown in [
        "accepted without a channel</h1>",
        "SIMULATED, NOT A TEE",
        "SIMULATED - NOT A TEE (simulator&#39;s root",
        "<dt>bound to</dt><dd>report-data</dd>",
        "<dt>policy profile</dt><dd>0</dd>",
        "<h2>signature</h2>",
        &window,
        &measurement,
        &digest,
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    for finding in verdict.findings().iter() {
        assert!(page.contains(&format!("<code>{}</code>", finding.check)), "{}", finding.check);
    }
}

#[test]
fn a_refused_card_names_the_reason_first() {
    let page = refused().to_html();
    assert!(page.contains("<h1 class=\"bad\">refused</h1>"));
    assert!(page.find("<p class=\"bad\"><code>binding.report-data</code>").unwrap() < page.find("<dl>").unwrap());
    assert!(!page.contains("<h1 class=\"good\">"));
}

#[test]
fn a_card_refers_to_nothing_elsewhere() {
    for page in [accepted(), refused(), not_genuine()].map(|verdict| verdict.to_html()) {
        for forbidden in ["<script", "http", "src=", "href", "url(", "@import", "<link", "<img"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<style>").count(), 1);
        assert!(page.contains("prefers-color-scheme:dark"));
    }
}

#[test]
fn the_window_is_in_every_form() {
    let verdict = accepted();
    let window = verdict.window().unwrap();
    assert!(window.contains(crate::world::NOW) && verdict.to_string().contains(&window.to_string()));
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!(json["window"]["not_after"], window.not_after);
    assert_eq!(json["window"]["not_before"], window.not_before);
    assert_eq!((&json["binding"], &json["assurance"]), (&"report-data".into(), &"simulated".into()));
    assert_eq!(json["root"], verdict.claims().unwrap().assurance().root().unwrap().to_string());
    assert_eq!(not_genuine().window(), None);
    assert!(not_genuine().to_json().contains(r#""binding":"none""#));
}
