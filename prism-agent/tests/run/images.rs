//! Computations whose algorithm is an image: built here, without a registry, and run by a real agent.

use std::io::Write;

use prism_agent::server::AgentConfig;
use prism_core::audit::entry::{Event, RunEnd};
use prism_core::digest::Digest;
use prism_core::envelope::PayloadType;
use prism_core::manifest::{Manifest, Runtime};
use prism_core::statement::StopBody;
use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::common::peer::sign;
use crate::common::{Computation, Peer, wire};
use crate::endings::events;
use crate::root;
use crate::scene::{
    acknowledge, bring_everything, download, identity, open, request, start_with, until_state, watch_until,
};

crate::tests![
    an_image_makes_a_result_of_the_datasets,
    an_image_that_is_not_what_it_says_is_not_executed,
    an_image_for_another_machine_is_not_executed,
    an_image_beyond_what_the_configuration_permits_is_refused,
    an_image_that_unpacks_to_more_than_there_is_room_for_is_not_unpacked,
    a_stop_ends_the_unpacking_of_an_image,
];

/// A layer: files and folders, then whatever a test adds.
fn layer(add: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    add(&mut builder);
    builder.into_inner().unwrap()
}

fn file(builder: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    builder.append_data(&mut header, name, content).unwrap();
}

fn system() -> Vec<u8> {
    layer(|builder| {
        for (path, bytes) in root::files() {
            file(builder, path.strip_prefix("/").unwrap().to_str().unwrap(), &bytes);
        }
        file(builder, "srv/old", b"hidden by the next layer");
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// What a test can make wrong.
struct Build {
    layers: Vec<Vec<u8>>,
    architecture: &'static str,
    diff_id: Option<Digest>,
}

impl Build {
    fn new(script: &str) -> Self {
        let program = layer(|builder| {
            file(builder, "srv/train.sh", script.as_bytes());
            file(builder, "srv/.wh.old", b"");
        });
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        Self { layers: vec![system(), program], architecture, diff_id: None }
    }

    fn config(&self) -> Vec<u8> {
        let mut ids: Vec<_> = self.layers.iter().map(|layer| Digest::sha256(layer)).collect();
        if let (Some(wrong), Some(last)) = (self.diff_id, ids.last_mut()) {
            *last = wrong;
        }
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        json!({
            "architecture": self.architecture, "os": "linux",
            "config": { "Entrypoint": ["/bin/sh", "-eu", "/srv/train.sh"], "Cmd": ["of the image"], "Env": ["UNIT=cm"] },
            "rootfs": { "type": "layers", "diff_ids": ids }
        })
        .to_string()
        .into_bytes()
    }

    /// The OCI layout in a tar, every layer packed in this way.
    fn oci(&self, pack: fn(&[u8]) -> Vec<u8>, kind: &str) -> Vec<u8> {
        let described = |media_type: &str, blob: &[u8]| json!({ "mediaType": media_type, "digest": Digest::sha256(blob).to_string(), "size": blob.len() });
        let media = |name: &str| format!("application/vnd.oci.image.{name}");
        let mut blobs: Vec<_> = self.layers.iter().map(|layer| pack(layer)).collect();
        let layers: Vec<_> = blobs.iter().map(|blob| described(&media(&format!("layer.v1.tar{kind}")), blob)).collect();
        let config = self.config();
        let config_of = described(&media("config.v1+json"), &config);
        let manifest = json!({ "schemaVersion": 2, "config": config_of, "layers": layers }).to_string().into_bytes();
        let index = json!({ "schemaVersion": 2, "manifests": [described(&media("manifest.v1+json"), &manifest)] });
        blobs.extend([config, manifest]);
        layer(|builder| {
            file(builder, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
            file(builder, "index.json", index.to_string().as_bytes());
            for blob in &blobs {
                file(builder, &format!("blobs/sha256/{}", Digest::sha256(blob).to_hex()), blob);
            }
        })
    }

    fn plain(&self) -> Vec<u8> {
        self.oci(<[u8]>::to_vec, "")
    }

    /// As `docker save` writes it.
    fn saved(&self) -> Vec<u8> {
        let config = self.config();
        let name = format!("{}.json", Digest::sha256(&config).to_hex());
        let layers: Vec<_> = (0..self.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
        let manifest = json!([{ "Config": name, "RepoTags": null, "Layers": layers }]);
        layer(|builder| {
            file(builder, &name, &config);
            self.layers.iter().zip(&layers).for_each(|(layer, name)| file(builder, name, layer));
            file(builder, "manifest.json", manifest.to_string().as_bytes());
        })
    }
}

fn computation(image: Vec<u8>, change: impl FnOnce(&mut Manifest)) -> Computation {
    Computation::with(|manifest, assets| {
        manifest.algorithm.runtime = Runtime::Image;
        (manifest.algorithm.digest, manifest.algorithm.size) = (Digest::sha256(&image), image.len() as u64);
        assets.insert("train.py", image);
        change(manifest);
    })
}

const SCRIPT: &str = "
[ -e datasets/h1 ] && [ -e datasets/h2 ] && [ ! -e /srv/old ]
echo \"$1 in $UNIT\" > results/model
";

async fn an_image_makes_a_result_of_the_datasets() {
    let build = Build::new(SCRIPT);
    for (image, args) in [
        (build.oci(gzip, "+gzip"), vec![]),
        (build.oci(zstandard, "+zstd"), vec!["of the manifest".to_owned()]),
        (build.saved(), vec![]),
    ] {
        let said = args.first().map_or("of the image", String::as_str).to_owned();
        let computation = computation(image, |manifest| manifest.algorithm.args = args);
        let agent = start_with(&computation, |_| {}).await;
        let mut peer = Peer::join(&agent, &computation, "institute").await;
        bring_everything(&agent, &computation).await;
        assert_eq!(until_state(&mut peer, "Delivering").await.last().unwrap(), "Delivering");
        let (ciphertext, identity) = (download(&mut peer, 0).await.unwrap(), identity());
        let (recipient, digest) = (identity.recipient().to_string(), Digest::sha256(&ciphertext));
        let released = request(&mut peer, &computation, &recipient, digest).await.unwrap().into_inner();
        let opened = open(&released.header, &ciphertext, &identity);
        assert!(String::from_utf8_lossy(&opened).contains(&format!("{said} in cm\n")));
        acknowledge(&mut peer, &computation, Digest::sha256(&opened)).await.unwrap();
        let events = events(&mut peer).await;
        let exit = events.iter().find_map(|event| match event {
            Event::RunExit(body) => Some(body),
            _ => None,
        });
        let conditions = exit.unwrap().conditions.as_ref().unwrap();
        assert_eq!((conditions.interpreter.as_str(), conditions.libc.as_str()), ("none", "none"));
        agent.shutdown().await;
    }
}

/// How a computation with this image ends, and with which code.
async fn ending(image: Vec<u8>, change: impl FnOnce(&mut AgentConfig)) -> (Option<RunEnd>, String) {
    let computation = computation(image, |_| {});
    let agent = start_with(&computation, change).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    let over = |response: &wire::WatchResponse| matches!(response.state.as_str(), "Delivering" | "Closed");
    assert_eq!(watch_until(&mut peer, over).await.last().unwrap(), "Closed", "there is a result");
    let events = events(&mut peer).await;
    agent.shutdown().await;
    let said = events.iter().find_map(|event| match event {
        Event::RunExit(body) => Some((Some(body.end), body.code.clone().unwrap_or_default())),
        Event::Error(body) => Some((None, body.code.clone())),
        _ => None,
    });
    said.unwrap()
}

fn refused(code: &str) -> (Option<RunEnd>, String) {
    (Some(RunEnd::PreparationFailed), code.to_owned())
}

async fn an_image_that_is_not_what_it_says_is_not_executed() {
    let mut wrong = Build::new(SCRIPT);
    wrong.diff_id = Some(Digest::sha256(b"another layer"));
    assert_eq!(ending(wrong.plain(), |_| {}).await, refused("archive.unsafe"));
    let entry = |name: &'static str, kind| {
        let mut build = Build::new(SCRIPT);
        build.layers.push(layer(|builder| {
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, &b""[..]).unwrap();
        }));
        build.plain()
    };
    assert_eq!(ending(entry("../../escape", EntryType::Regular), |_| {}).await, refused("archive.unsafe"));
    assert_eq!(ending(entry("srv/train.sh/below", EntryType::Regular), |_| {}).await, refused("archive.unsafe"));
    assert_eq!(ending(b"no image".to_vec(), |_| {}).await, refused("archive.unsafe"));
}

async fn an_image_for_another_machine_is_not_executed() {
    let mut build = Build::new(SCRIPT);
    build.architecture = "s390x";
    assert_eq!(ending(build.plain(), |_| {}).await, refused("manifest.unsupported"));
}

async fn an_image_beyond_what_the_configuration_permits_is_refused() {
    let build = Build::new(SCRIPT);
    let few = |config: &mut AgentConfig| config.limits.unpacked_entries = 5;
    assert_eq!(ending(build.plain(), few).await, refused("archive.too-large"));
}

async fn an_image_that_unpacks_to_more_than_there_is_room_for_is_not_unpacked() {
    let build = Build::new(SCRIPT);
    let image = build.oci(gzip, "+gzip");
    // Every asset and every layer alone has room; together they have not.
    let room = build.layers.iter().map(|layer| layer.len() as u64).sum::<u64>() + 10_000;
    assert!((10_000..room - 10_000).contains(&(image.len() as u64)));
    let ended = ending(image, |config| config.limits.disk_bytes = room).await;
    assert_eq!(ended, (None, "agent.full".to_owned()));
}

async fn a_stop_ends_the_unpacking_of_an_image() {
    let mut build = Build::new(SCRIPT);
    build.layers.push(layer(|builder| {
        let mut header = Header::new_gnu();
        header.set_size(384 << 20);
        header.set_mode(0o644);
        builder.append_data(&mut header, "large", std::io::Read::take(std::io::repeat(7), 384 << 20)).unwrap();
    }));
    let computation = computation(build.plain(), |_| {});
    let agent = start_with(&computation, |_| {}).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    let (path, file) = crate::unpacking::appearing(&agent, &computation, "run/algorithm/large").await;
    let body = StopBody::new(&peer.context("lab")).to_json().unwrap();
    let envelope = sign(PayloadType::Stop, &body, &computation.keys["lab"]);
    peer.client.stop(wire::StopRequest { envelope }).await.unwrap();
    agent.wait_closed().await;
    assert!(!path.exists());
    agent.shutdown().await;
    assert!(file.metadata().unwrap().len() < 384 << 20);
}
