//! Datasets that lie sealed in stores: a real S3-compatible server and a web server that misbehaves on request, both on
//! loopback and over TLS under an authority of the test's own.
#![cfg(feature = "pull")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

#[path = "pull/broker.rs"]
mod broker;
#[path = "pull/cobblestone.rs"]
mod cobblestone;
#[path = "pull/ending.rs"]
mod ending;
#[path = "pull/kbs.rs"]
mod kbs;
#[path = "pull/line.rs"]
mod line;
#[path = "client/people.rs"]
mod people;
#[path = "pull/refusal.rs"]
mod refusal;
#[path = "pull/release.rs"]
mod release;
#[path = "pull/s3.rs"]
mod s3;
#[path = "pull/scene.rs"]
mod scene;
#[path = "pull/shop.rs"]
mod shop;
#[path = "pull/symmetric.rs"]
mod symmetric;
#[path = "pull/tls.rs"]
mod tls;
#[path = "pull/whole.rs"]
mod whole;
