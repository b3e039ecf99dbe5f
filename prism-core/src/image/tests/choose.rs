//! Which image it is, and whether every part is the one that its document says.

use serde_json::{Value, json};

use super::forge::{Blob, Forge, LayerForge, gzip, layout, nested, zstandard};
use super::*;

fn one(content: &str) -> Forge {
    Forge::of(LayerForge::default().file("program", content))
}

fn other_machine() -> Forge {
    let mut forge = one("elsewhere");
    forge.config["architecture"] = json!("arm64");
    forge
}

#[test]
fn an_image_in_the_oci_layout_says_what_runs() {
    let mut forge = one("#!").and(LayerForge::default().folder("data/"));
    forge.config["config"] = json!({
        "Entrypoint": ["/program"], "Cmd": ["--epochs", "3"], "Env": ["PATH=/bin", "EMPTY=", "A=b=c"],
        "WorkingDir": "/srv/app/", "User": "1000", "ExposedPorts": { "80/tcp": {} }, "Volumes": null, "Labels": null
    });
    let (notes, config) = unpack(forge.oci()).unwrap();
    assert_eq!(notes.lines, ["program 644 7 #!", "data/ 755"]);
    assert_eq!((config.entrypoint, config.cmd.join(" ")), (vec!["/program".to_owned()], "--epochs 3".to_owned()));
    assert_eq!(config.environment, [("PATH", "/bin"), ("EMPTY", ""), ("A", "b=c")].map(|(n, v)| (n.into(), v.into())));
    assert_eq!(config.working_dir.unwrap().as_bytes(), b"srv/app");
}

#[test]
fn an_image_as_docker_save_writes_it_is_the_same() {
    let same = LayerForge::default().folder("same/");
    let forge = one("x").and(same).and(LayerForge::default().folder("same/"));
    assert_eq!(unpack(forge.saved()).unwrap().0.lines, unpack(forge.oci()).unwrap().0.lines);
    assert_eq!(unpack(forge.saved()).unwrap().0.lines, ["program 644 7 x", "same/ 755", "same/ 755"]);
}

#[test]
fn layers_may_be_compressed() {
    let tar = LayerForge::default().file("program", "packed").end();
    let two_members = |tar: &[u8]| [gzip(&tar[..100]), gzip(&tar[100..])].concat();
    let skipped = |tar: &[u8]| {
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        [zstandard(&tar[..700]), skippable.to_vec(), zstandard(&tar[700..]), skippable.to_vec()].concat()
    };
    for (pack, media_type) in [
        (gzip as fn(&[u8]) -> Vec<u8>, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (two_members, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (zstandard, "application/vnd.oci.image.layer.v1.tar+zstd"),
        (skipped, "application/vnd.oci.image.layer.v1.tar+zstd"),
    ] {
        let forge = Forge::of_blobs(vec![Blob::packed(&tar, pack, media_type)]);
        assert_eq!(lines(&forge), ["program 644 7 packed"], "{media_type}");
        // docker save says nothing of compression: it shows.
        assert_eq!(unpack(forge.saved()).unwrap().0.lines, ["program 644 7 packed"]);
    }
}

#[test]
fn the_machines_image_is_found_among_others() {
    let (mut here, mut there) = (one("here"), other_machine());
    here.platform = Some(json!({ "architecture": "amd64", "os": "linux" }));
    there.platform = Some(json!({ "architecture": "arm64", "os": "linux", "variant": "v8" }));
    let mut attestation = here.described();
    attestation["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    attestation["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    let (inner, index) = nested(&json!([attestation, there.described(), here.described(), here.described()]));
    // The other machine's blobs need not even be there.
    let blobs = [here.blobs(), vec![index.clone()]].concat();
    let found = unpack(layout(&json!([inner]), &blobs)).unwrap().0;
    assert_eq!(found.lines, ["program 644 7 here"]);
    // Without platforms the configurations say it.
    (here.platform, there.platform) = (None, None);
    let blobs = [here.blobs(), there.blobs()].concat();
    let found = unpack(layout(&json!([there.described(), here.described()]), &blobs)).unwrap().0;
    assert_eq!(found.lines, ["program 644 7 here"]);
}

#[test]
fn an_image_for_another_machine_is_refused_with_its_name() {
    let mut there = other_machine();
    let found = |archive| match unpack(archive).map(drop) {
        Err(ImageError::Platform { wanted: "amd64", found }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(there.oci()), "linux/arm64");
    assert_eq!(found(there.saved()), "linux/arm64");
    there.platform = Some(json!({ "architecture": "amd64", "os": "windows" }));
    assert_eq!(found(there.oci()), "windows/amd64");
    assert_eq!(found(layout(&json!([]), &[])), "no image");
    // A platform that the configuration contradicts does not count.
    there.platform = Some(json!({ "architecture": "amd64", "os": "linux" }));
    assert_eq!(found(there.oci()), "linux/arm64");
}

#[test]
fn two_images_for_this_machine_are_one_too_many() {
    let (first, second) = (one("1"), one("2"));
    let blobs = [first.blobs(), second.blobs()].concat();
    let both = layout(&json!([first.described(), second.described()]), &blobs);
    assert!(matches!(unpack(both).map(drop), Err(ImageError::Several { found: 2 })));
}

#[test]
fn what_is_no_image_is_refused() {
    let tar = LayerForge::default().file("index.json", "{}").end();
    assert!(matches!(unpack(tar).map(drop), Err(ImageError::NoImage)));
    assert!(matches!(unpack(b"PK\x03\x04 no tar at all".to_vec()).map(drop), Err(ImageError::Archive(_))));
    assert!(matches!(unpack(Vec::new()).map(drop), Err(ImageError::NoImage)));
    let twice = LayerForge::default().file("index.json", "1").file("./index.json", "2").end();
    assert!(matches!(unpack(twice).map(drop), Err(ImageError::Archive(EntryFault::Duplicate))));
    let mut cut = one("x").oci();
    cut.truncate(2048 + 100);
    assert!(matches!(unpack(cut).map(drop), Err(ImageError::Archive(EntryFault::Truncated))));
    let many = (0..5000).fold(LayerForge::default(), |forge, number| forge.file(&number.to_string(), ""));
    assert!(matches!(unpack(many.end()).map(drop), Err(ImageError::Archive(EntryFault::TooMany { .. }))));
}

#[test]
fn every_part_has_to_have_its_digest_and_its_size() {
    let forge = one("the agreed program");
    let index = json!({ "schemaVersion": 2, "manifests": [forge.described()] }).to_string();
    for changed in 0..3 {
        let mut archive = forge::archive(&index, &forge.blobs());
        // The part's first byte that says something: the archive's names stay what they are.
        let needle: &[u8] = [b"the agreed".as_slice(), b"\"amd64\"", b"\"layers\":[{"][changed];
        let at = archive.windows(needle.len()).position(|window| window == needle).unwrap();
        archive[at + 1] ^= 1;
        let refused = unpack(archive).map(drop).unwrap_err();
        let digest = matches!(&refused, ImageError::Blob { fault: BlobFault::Digest { .. }, .. });
        let diff_id = matches!(&refused, ImageError::Layer { fault: LayerFault::DiffId { .. }, .. });
        assert!(digest || (changed == 0 && diff_id), "{refused:?}");
        assert_eq!(refused.code(), Code::ArchiveUnsafe);
    }
    let mut missing = forge.blobs();
    missing.remove(0);
    let refused = unpack(forge::archive(&index, &missing)).map(drop).unwrap_err();
    assert!(matches!(refused, ImageError::Blob { fault: BlobFault::Missing, .. }), "{refused:?}");
}

#[test]
fn a_blob_that_is_not_the_described_one_is_refused_although_it_unpacks_to_the_same() {
    // The same tar, compressed in another way: only the descriptor's digest tells them apart.
    let tar = LayerForge::default().file("program", "x").end();
    let gz = "application/vnd.oci.image.layer.v1.tar+gzip";
    let two_members = |tar: &[u8]| [gzip(&tar[..10]), gzip(&tar[10..])].concat();
    let good = Forge::of_blobs(vec![Blob::packed(&tar, gzip, gz)]);
    let other = Forge::of_blobs(vec![Blob::packed(&tar, two_members, gz)]);
    let name = format!("blobs/sha256/{}", crate::digest::Digest::sha256(&good.layers[0].bytes).to_hex());
    let mut manifest: Value = serde_json::from_slice(&good.manifest_bytes()).unwrap();
    manifest["layers"][0]["size"] = json!(other.layers[0].bytes.len());
    let manifest = manifest.to_string();
    let digest = crate::digest::Digest::sha256(manifest.as_bytes());
    let described = json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.to_string(), "size": manifest.len() });
    let layer = String::from_utf8_lossy(name.as_bytes()).into_owned();
    let archive = LayerForge::default()
        .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
        .file("index.json", &json!({ "schemaVersion": 2, "manifests": [described] }).to_string())
        .file(&format!("blobs/sha256/{}", digest.to_hex()), &manifest)
        .file(
            &format!("blobs/sha256/{}", crate::digest::Digest::sha256(&good.config_bytes()).to_hex()),
            &String::from_utf8(good.config_bytes()).unwrap(),
        )
        .entry(layer.as_bytes(), (tar::EntryType::Regular, 0o644), b"", &other.layers[0].bytes);
    let refused = unpack(archive.end()).map(drop).unwrap_err();
    assert!(matches!(refused, ImageError::Blob { fault: BlobFault::Digest { .. }, .. }), "{refused:?}");
}

#[test]
fn a_size_that_lies_is_refused() {
    let forge = one("x");
    let mut described = forge.described();
    described["size"] = json!(described["size"].as_u64().unwrap() + 1);
    let refused = unpack(layout(&json!([described]), &forge.blobs())).map(drop).unwrap_err();
    assert!(matches!(refused, ImageError::Blob { fault: BlobFault::Size { .. }, .. }), "{refused:?}");
}

#[test]
fn a_saved_configuration_has_to_be_what_its_name_says() {
    let mut archive = one("x").saved();
    let at = archive.windows(7).position(|window| window == b"program").unwrap();
    archive[at] = b'P';
    let refused = unpack(archive).map(drop).unwrap_err();
    assert!(matches!(refused, ImageError::Blob { fault: BlobFault::Digest { .. }, .. }), "{refused:?}");
}

#[test]
fn terms_that_cannot_be_followed_are_refused() {
    type Change = fn(&mut Forge);
    let changes: &[Change] = &[
        |forge| forge.config["rootfs"] = json!({ "type": "layers", "diff_ids": [] }),
        |forge| {
            forge.config["rootfs"] = json!({ "type": "squashfs", "diff_ids": [forge.layers[0].diff_id.to_string()] });
        },
        |forge| forge.config["rootfs"] = json!({ "type": "layers", "diff_ids": [format!("md5:{}", "0".repeat(64))] }),
        |forge| forge.config["config"]["Env"] = json!(["NOVALUE"]),
        |forge| forge.config["config"]["Env"] = json!(["=x"]),
        |forge| forge.config["config"]["Cmd"] = json!(["a\0b"]),
        |forge| forge.config["config"]["WorkingDir"] = json!("/srv/../.."),
        |forge| forge.layers[0].media_type = "application/vnd.in-toto+json",
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut forge = one("x");
        change(&mut forge);
        let refused = refusal(&forge);
        assert!(matches!(refused, ImageError::Terms { .. }), "{number}: {refused:?}");
    }
    let mut forge = one("x");
    forge.config["config"]["Cmd"] = json!("a shell line");
    assert!(matches!(refusal(&forge), ImageError::Document { .. }));
    let mut deep = nested(&json!([one("x").described()]));
    let mut blobs = one("x").blobs();
    for _ in 0..3 {
        blobs.push(deep.1);
        deep = nested(&json!([deep.0]));
    }
    blobs.push(deep.1);
    assert!(matches!(unpack(layout(&json!([deep.0]), &blobs)).map(drop), Err(ImageError::Terms { .. })));
}

#[test]
fn a_flipped_bit_changes_nothing_unless_it_is_refused() {
    let mut forge = one("program").and(LayerForge::default().folder("a").file("a/.wh.b", ""));
    forge.platform = Some(json!({ "architecture": "amd64", "os": "linux" }));
    for archive in [forge.oci(), forge.saved()] {
        let (good, config) = unpack(archive.clone()).unwrap();
        let mut refused = 0;
        for at in 0..archive.len() {
            let mut flipped = archive.clone();
            flipped[at] ^= 1 << (at % 8);
            match unpack(flipped) {
                // Padding, and what nobody reads, such as the version of docker's archive.
                Ok(found) => assert_eq!((found.0.lines, found.1), (good.lines.clone(), config.clone()), "byte {at}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 2000, "{refused}");
    }
}
