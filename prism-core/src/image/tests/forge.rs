//! Images made in memory, good ones and others.

use std::io::Write;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::digest::Digest;

/// A layer in the making.
#[derive(Default)]
pub(super) struct LayerForge {
    pub(super) tar: Vec<u8>,
}

impl LayerForge {
    /// An entry of any kind, under a name of any form.
    pub(super) fn entry(self, name: &[u8], (kind, mode): (EntryType, u32), link: &[u8], content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        old.name.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        old.linkname.iter_mut().zip(link).for_each(|(to, from)| *to = *from);
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(7);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.raw(&header, content)
    }

    /// A header as it is, and content filled up to whole blocks.
    pub(super) fn raw(mut self, header: &Header, content: &[u8]) -> Self {
        self.tar.extend(header.as_bytes());
        self.tar.extend(content);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, name: &str, content: &str) -> Self {
        self.entry(name.as_bytes(), (EntryType::Regular, 0o644), b"", content.as_bytes())
    }

    pub(super) fn folder(self, name: &str) -> Self {
        self.entry(name.as_bytes(), (EntryType::Directory, 0o755), b"", b"")
    }

    pub(super) fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        self.entry(name.as_bytes(), (kind, 0o777), target.as_bytes(), b"")
    }

    /// An extended header for the next entry.
    pub(super) fn extended(self, records: &[u8]) -> Self {
        self.entry(b"pax", (EntryType::XHeader, 0o644), b"", records)
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.tar.resize(self.tar.len() + 1024, 0);
        self.tar
    }
}

/// An image in the making; every part can be made wrong.
pub(super) struct Forge {
    pub(super) layers: Vec<Blob>,
    pub(super) config: Value,
    pub(super) platform: Option<Value>,
}

#[derive(Clone)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) diff_id: Digest,
    pub(super) media_type: &'static str,
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstandard(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

impl Blob {
    pub(super) fn plain(tar: Vec<u8>) -> Self {
        Self { diff_id: Digest::sha256(&tar), bytes: tar, media_type: "application/vnd.oci.image.layer.v1.tar" }
    }

    pub(super) fn packed(tar: &[u8], pack: fn(&[u8]) -> Vec<u8>, media_type: &'static str) -> Self {
        Self { diff_id: Digest::sha256(tar), bytes: pack(tar), media_type }
    }
}

fn add(builder: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content).unwrap();
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(content).to_string(), "size": content.len() })
}

impl Forge {
    /// An image of one layer.
    pub(super) fn of(layer: LayerForge) -> Self {
        Self::of_blobs(vec![Blob::plain(layer.end())])
    }

    pub(super) fn of_blobs(layers: Vec<Blob>) -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/program"] } });
        Self { layers, config, platform: None }
    }

    pub(super) fn and(mut self, layer: LayerForge) -> Self {
        self.layers.push(Blob::plain(layer.end()));
        self
    }

    pub(super) fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        if config.get("rootfs").is_none() {
            let ids: Vec<_> = self.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
            config["rootfs"] = json!({ "type": "layers", "diff_ids": ids });
        }
        config.to_string().into_bytes()
    }

    pub(super) fn manifest_bytes(&self) -> Vec<u8> {
        let layers: Vec<_> = self.layers.iter().map(|layer| descriptor(layer.media_type, &layer.bytes)).collect();
        let config = descriptor("application/vnd.oci.image.config.v1+json", &self.config_bytes());
        json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string().into_bytes()
    }

    /// The manifest's descriptor, with the platform if one is told.
    pub(super) fn described(&self) -> Value {
        let mut described = descriptor("application/vnd.oci.image.manifest.v1+json", &self.manifest_bytes());
        if let Some(platform) = &self.platform {
            described["platform"] = platform.clone();
        }
        described
    }

    /// Every blob of it.
    pub(super) fn blobs(&self) -> Vec<Vec<u8>> {
        let layers = self.layers.iter().map(|layer| layer.bytes.clone());
        layers.chain([self.config_bytes(), self.manifest_bytes()]).collect()
    }

    pub(super) fn oci(&self) -> Vec<u8> {
        layout(&json!([self.described()]), &self.blobs())
    }

    /// As `docker save` wrote it for years.
    pub(super) fn saved(&self) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        let config = self.config_bytes();
        let name = format!("{}.json", Digest::sha256(&config).to_hex());
        add(&mut builder, &name, &config);
        let mut names: Vec<String> = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let name = format!("{number}/layer.tar");
            match self.layers.iter().take(number).position(|other| other.bytes == layer.bytes) {
                Some(same) => {
                    let mut header = Header::new_gnu();
                    header.set_entry_type(EntryType::Symlink);
                    header.set_size(0);
                    builder.append_link(&mut header, &name, format!("../{same}/layer.tar")).unwrap();
                }
                None => add(&mut builder, &name, &layer.bytes),
            }
            names.push(name);
        }
        let manifest = json!([{ "Config": name, "RepoTags": ["lab/train:1"], "Layers": names }]);
        add(&mut builder, "manifest.json", manifest.to_string().as_bytes());
        builder.into_inner().unwrap()
    }
}

/// An OCI layout of these descriptors and blobs.
pub(super) fn layout(manifests: &Value, blobs: &[Vec<u8>]) -> Vec<u8> {
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    archive(&index.to_string(), blobs)
}

pub(super) fn archive(index: &str, blobs: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    add(&mut builder, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    let mut names = std::collections::BTreeSet::new();
    for blob in blobs {
        let name = format!("blobs/sha256/{}", Digest::sha256(blob).to_hex());
        if names.insert(name.clone()) {
            add(&mut builder, &name, blob);
        }
    }
    add(&mut builder, "index.json", index.as_bytes());
    builder.into_inner().unwrap()
}

/// An index among the blobs, and its descriptor.
pub(super) fn nested(manifests: &Value) -> (Value, Vec<u8>) {
    let index = json!({ "schemaVersion": 2, "manifests": manifests }).to_string().into_bytes();
    (descriptor("application/vnd.oci.image.index.v1+json", &index), index)
}
