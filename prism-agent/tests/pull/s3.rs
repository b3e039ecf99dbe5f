//! A real S3-compatible server.

use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;

use super::tls::Authority;

/// The access key that it knows.
pub(crate) const KEY: &str = "hospital";
/// Its secret.
pub(crate) const SECRET: &str = "not-in-the-manifest";

/// A store with these objects below `bucket/covid/`.
pub(crate) async fn s3(authority: &Authority, objects: &[(&str, &[u8])]) -> (SocketAddr, TempDir) {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("bucket/covid");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, object) in objects {
        std::fs::write(folder.join(name), object).unwrap();
    }
    let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    let address = authority.listen(move |stream| {
        let service = service.clone();
        // Whoever asked may hang up.
        async move { drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await) }
    });
    (address.await, root)
}
