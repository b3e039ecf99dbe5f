use super::*;
use crate::code::{Code, Coded};
use crate::digest::DigestAlgorithm;
use crate::manifest::{Manifest, ManifestError, tests::sample};

const HTTPS: &str = "https://store.hospital-1.example/covid/h1.zip.age";

fn object() -> serde_json::Value {
    let digest = Digest::sha256(b"sealed");
    serde_json::json!({ "url": HTTPS, "size": 300, "digest": digest, "codec": "age", "release": { "by": "provider" } })
}

fn read(source: serde_json::Value) -> Result<Manifest, ManifestError> {
    let (manifest, _) = sample();
    let mut json = serde_json::to_value(&manifest).unwrap();
    json["datasets"][0]["source"] = source;
    Manifest::read(&serde_json::to_vec(&json).unwrap())
}

fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, ManifestError> {
    let mut source = object();
    edit(&mut source);
    read(source)
}

#[test]
fn a_manifest_without_a_source_has_the_bytes_it_always_had() {
    let (manifest, _) = sample();
    let bytes = manifest.to_bytes().unwrap();
    assert!(!String::from_utf8(bytes.clone()).unwrap().contains("source"));
    assert_eq!(Manifest::read(&bytes).unwrap(), manifest);
}

/// What every participant has signed since before there was a second codec.
#[test]
fn a_manifest_with_an_age_source_has_the_bytes_it_always_had() {
    let manifest = edited(|_| {}).unwrap();
    let text = String::from_utf8(manifest.to_bytes().unwrap()).unwrap();
    let digest = Digest::sha256(b"sealed");
    let lines = [
        r#"      "source": {"#,
        &format!(r#"        "url": "{HTTPS}","#),
        r#"        "size": 300,"#,
        &format!(r#"        "digest": "{digest}","#),
        r#"        "codec": "age","#,
        r#"        "release": {"#,
        r#"          "by": "provider""#,
        "        }\n      }\n    },",
    ];
    assert!(text.contains(&format!("\"path\": \"h1\",\n{}", lines.join("\n"))), "{text}");
}

#[test]
fn a_cobblestone_source_has_one_form() {
    let size = seal::cobblestone_len(1).unwrap();
    let source = |codec: &str| edited(|source| (source["codec"], source["size"]) = (codec.into(), size.into()));
    let manifest = source("cobblestone-256").unwrap();
    let object = manifest.datasets[0].source.as_ref().unwrap();
    assert_eq!((object.codec, object.codec.to_string().as_str()), (Codec::Cobblestone256, "cobblestone-256"));
    assert_eq!(object.header_len(1), Some(0));
    let bytes = manifest.to_bytes().unwrap();
    assert!(String::from_utf8(bytes.clone()).unwrap().contains(r#""codec": "cobblestone-256""#));
    assert_eq!(Manifest::read(&bytes).unwrap(), manifest);
    for unknown in ["cobblestone256", "cobblestone-128", "Cobblestone-256", "cocos-gcm", ""] {
        assert!(matches!(source(unknown), Err(ManifestError::Json(_))), "{unknown}");
    }
}

#[test]
fn a_source_reads_back_as_it_was_written() {
    let kbs = serde_json::json!({ "by": "kbs", "url": "https://kbs.example:8443", "resource": "default/h1/key" });
    for release in [serde_json::json!({ "by": "provider" }), kbs] {
        for url in
            [HTTPS, "s3://hospital-1/covid/h1.zip.age", "https://[2001:db8::1]:9000/a~b/c=d", "https://10.0.0.7/x"]
        {
            let manifest = edited(|source| {
                source["release"] = release.clone();
                source["url"] = url.into();
            })
            .unwrap();
            let source = manifest.datasets[0].source.as_ref().unwrap();
            assert_eq!(source.url.to_string(), url);
            assert_eq!(Manifest::read(&manifest.to_bytes().unwrap()).unwrap(), manifest);
            let asset = manifest.asset("h1.zip").unwrap();
            assert_eq!(asset.source.as_ref(), Some(source));
        }
    }
}

#[test]
fn every_missing_unknown_or_mistyped_field_of_a_source_is_refused() {
    for key in ["url", "size", "digest", "codec", "release"] {
        let missing = edited(|source| {
            source.as_object_mut().unwrap().remove(key);
        });
        assert!(matches!(missing, Err(ManifestError::Json(_))), "{key}");
        assert!(edited(|source| source[key] = serde_json::json!([1])).is_err(), "{key}");
    }
    for release in [
        serde_json::json!({}),
        serde_json::json!({ "by": "nobody" }),
        serde_json::json!({ "by": "provider", "surprise": 1 }),
        serde_json::json!({ "by": "provider", "url": "https://kbs.example" }),
        serde_json::json!({ "by": "kbs", "url": "https://kbs.example" }),
        serde_json::json!({ "by": "kbs", "resource": "a/b/c" }),
        serde_json::json!({ "by": "kbs", "url": "https://kbs.example", "resource": "a/b/c", "token": "x" }),
    ] {
        assert!(
            matches!(edited(|source| source["release"] = release.clone()), Err(ManifestError::Json(_))),
            "{release}"
        );
    }
    assert!(matches!(edited(|source| source["surprise"] = 1.into()), Err(ManifestError::Json(_))));
    assert!(matches!(edited(|source| source["codec"] = "zip".into()), Err(ManifestError::Json(_))));
    assert!(matches!(read(serde_json::Value::Null), Err(ManifestError::Json(_))), "absent has one form");
}

#[test]
fn an_address_that_could_hold_a_secret_or_mean_two_things_is_refused() {
    use UrlError::{Bucket, Host, Path, Scheme, Secret};
    for (text, expected) in [
        ("http://store.example/x", Scheme),
        ("file:///etc/passwd", Scheme),
        ("HTTPS://store.example/x", Scheme),
        ("s3:/bucket/key", Scheme),
        ("", Scheme),
        ("https://user:password@store.example/x", Secret),
        ("https://store.example@evil.example/x", Secret),
        ("https://store.example/x?X-Amz-Signature=0", Secret),
        ("https://store.example/x#part", Secret),
        ("s3://key:secret@bucket/x", Secret),
        ("s3://bucket/x?versionId=1", Secret),
        ("https:///x", Host),
        ("https://Store.example/x", Host),
        ("https://store..example/x", Host),
        ("https://-store.example/x", Host),
        ("https://store.example./x", Host),
        ("https://2130706433/x", Host),
        ("https://0x7f.1/x", Host),
        ("https://127.1/x", Host),
        ("https://127.0.0.01/x", Host),
        ("https://[::ffff:7f00:1]/x", Host),
        ("https://[2001:DB8::1]/x", Host),
        ("https://[fe80::1%25eth0]/x", Host),
        ("https://store.example:443/x", Host),
        ("https://store.example:0/x", Host),
        ("https://store.example:08443/x", Host),
        ("https://store.example:99999/x", Host),
        ("https://store.example:/x", Host),
        ("https://sto\u{e9}re.example/x", Host),
        ("https://store.example", Path),
        ("https://store.example/", Path),
        ("https://store.example/a//b", Path),
        ("https://store.example/a/../b", Path),
        ("https://store.example/a/./b", Path),
        ("https://store.example/a/%2e%2e/b", Path),
        ("https://store.example/a\\b", Path),
        ("https://store.example/a b", Path),
        ("https://store.example/a\n", Path),
        ("s3://bucket", Path),
        ("s3://bucket/", Path),
        ("s3://bucket/a/../b", Path),
        ("s3://bucket//a", Path),
        ("s3://Bucket/a", Bucket),
        ("s3://bu/a", Bucket),
        ("s3://-bucket/a", Bucket),
        ("s3://bucket-/a", Bucket),
        ("s3://buc..ket/a", Bucket),
        ("s3://192.168.5.4/a", Bucket),
        ("s3://buc_ket/a", Bucket),
    ] {
        assert_eq!(text.parse::<ObjectUrl>(), Err(expected), "{text}");
        assert_eq!(edited(|source| source["url"] = text.into()).unwrap_err().code(), Code::ManifestMalformed);
    }
    let long = format!("https://store.example/{}", "a".repeat(2048));
    assert_eq!(long.parse::<ObjectUrl>(), Err(UrlError::TooLong));
    assert_eq!(format!("s3://bucket/{}", "a".repeat(1025)).parse::<ObjectUrl>(), Err(Path));
    assert_eq!(Host.code(), Code::ManifestMalformed);
}

#[test]
fn a_resource_has_three_plain_parts() {
    for text in ["default/key/h1", "repo-1/age_identity/v1.2"] {
        assert_eq!(text.parse::<ResourcePath>().unwrap().as_str(), text);
    }
    for text in ["", "a/b", "a/b/c/d", "a//c", "/b/c", "a/b/", "a/../c", "a/b/.c", "a/b/c?x", "a/b/%63", "a/b/c d"] {
        assert_eq!(text.parse::<ResourcePath>(), Err(ResourcePathError), "{text}");
    }
}

#[test]
fn the_sizes_of_object_and_plaintext_have_to_fit_each_other() {
    let sizes = |plain: u64, sealed: u64| {
        let (mut manifest, _) = sample();
        manifest.datasets[0].size = plain;
        let mut source: SealedObject = serde_json::from_value(object()).unwrap();
        source.size = sealed;
        manifest.datasets[0].source = Some(source);
        manifest.to_bytes().map(|_| ())
    };
    let payload = |plain| seal::sealed_len(plain).unwrap();
    let (least, most) = (seal::HEADER_MIN as u64, seal::HEADER_MAX as u64);
    for plain in [1, 65_536, 65_537, 1 << 40] {
        for header in [least, 1627, most] {
            assert!(sizes(plain, payload(plain) + header).is_ok(), "{plain} {header}");
        }
        for header in [0, least - 1, most + 1] {
            assert!(sizes(plain, payload(plain) + header).is_err(), "{plain} {header}");
        }
        assert!(sizes(plain, 0).is_err());
    }
    assert!(sizes(0, payload(0) + 1627).is_err(), "nothing has to be pulled");
    assert!(sizes(u64::MAX, u64::MAX).is_err());
}

#[test]
fn a_cobblestone_object_has_exactly_the_size_that_its_plaintext_gives() {
    let sizes = |plain: u64, sealed: u64| {
        let (mut manifest, _) = sample();
        manifest.datasets[0].size = plain;
        let mut source: SealedObject = serde_json::from_value(object()).unwrap();
        (source.size, source.codec) = (sealed, Codec::Cobblestone256);
        manifest.datasets[0].source = Some(source);
        manifest.to_bytes().map(|_| ())
    };
    // salt and commitment, then chunks of 16 KiB with a tag each, of which the last is always shorter.
    for (plain, exact) in [
        (1, 56 + 17),
        (16_383, 56 + 16_399),
        (16_384, 56 + 16_400 + 16),
        (16_385, 56 + 16_400 + 17),
        (1 << 40, 56 + (1 << 26) * 16_400 + 16),
    ] {
        assert!(sizes(plain, exact).is_ok(), "{plain}");
        for other in [0, plain, exact - 1, exact + 1, exact + 16, exact + 1627] {
            let error = sizes(plain, other).unwrap_err();
            let field = "datasets[0].source.size";
            assert!(matches!(&error, ManifestError::Field { field: at, .. } if at == field), "{error}");
            assert!(error.to_string().contains(&exact.to_string()), "{error}");
        }
    }
    assert!(sizes(0, 56 + 16).is_err(), "nothing has to be pulled");
    let most = (1 << 52) - 1;
    assert!(sizes(most, seal::cobblestone_len(most).unwrap()).is_ok());
    assert!(seal::cobblestone_len(most + 1).is_none() && sizes(most + 1, u64::MAX).is_err());
    assert!(sizes(u64::MAX, u64::MAX).is_err());
}

#[test]
fn a_sealed_object_has_no_salted_digest() {
    let salted = Digest::from_bytes(DigestAlgorithm::Sha256Salted, [1; 32]);
    let error = edited(|source| source["digest"] = salted.to_string().into()).unwrap_err();
    assert!(matches!(&error, ManifestError::Field { field, .. } if field == "datasets[0].source.digest"), "{error}");
}

#[test]
fn a_salted_dataset_is_released_by_its_provider_who_alone_has_the_salt() {
    let kbs =
        KeyRelease::Kbs { url: "https://kbs.example".parse().unwrap(), resource: "default/key/h1".parse().unwrap() };
    for (release, permitted) in [(KeyRelease::Provider {}, true), (kbs, false)] {
        let (mut manifest, _) = sample();
        let mut source: SealedObject = serde_json::from_value(object()).unwrap();
        source.release = release;
        manifest.datasets[0].digest = Digest::from_bytes(DigestAlgorithm::Sha256Salted, [1; 32]);
        manifest.datasets[0].source = Some(source);
        assert_eq!(manifest.to_bytes().is_ok(), permitted);
    }
}
