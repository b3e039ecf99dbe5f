//! Giving a folder: what was measured is what is sent, or the file that is not is named.

use std::fs;
use std::path::Path;

use prism_agent::client::{Progress, UploadError};
use prism_agent::files::{FileError, Measured, Source};
use prism_core::code::{Code, Coded};
use prism_core::digest::Hasher;
use prism_core::lifecycle::Phase;

use crate::common::Computation;
use crate::people::join;

fn put(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A computation in which `hospital-1` gives a folder.
fn agreed_on(measured: Measured) -> Computation {
    Computation::with(|manifest, _| {
        let dataset = manifest.datasets.iter_mut().find(|dataset| dataset.name.as_str() == "h1").unwrap();
        (dataset.digest, dataset.size) = (measured.digest, measured.size);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_changes_after_it_was_measured_is_not_accepted_and_the_file_is_named() {
    let place = tempfile::tempdir().unwrap();
    put(place.path(), "COVID/1.png", &vec![1; 3 << 20]);
    put(place.path(), "COVID/2.png", b"agreed");
    let source = Source::open(place.path()).unwrap();
    let measured = source.measure(Hasher::sha256(), &mut |_| {}).unwrap();
    let computation = agreed_on(measured);
    let agent = computation.start().await;
    let session = join(agent.local_addr(), &computation, "hospital-1").await;
    let change = |progress: Progress| {
        if progress.measured == measured.size && progress.sent == 0 {
            put(place.path(), "COVID/2.png", b"forged");
        }
    };
    let error = session.upload("h1", source, None, change).await.unwrap_err();
    let UploadError::File(FileError::Changed { path, .. }) = &error else { panic!("{error:?}") };
    assert!(path.ends_with("COVID/2.png") && error.code() == Code::FileChanged, "{error}");
    assert_eq!(agent.phase(), Phase::WaitingForAlgorithm);

    let again = Source::open(place.path()).unwrap();
    let refused = session.upload("h1", again, None, |_| {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::AssetMismatch);
    put(place.path(), "COVID/2.png", b"agreed");
    session.upload("h1", Source::open(place.path()).unwrap(), None, |_| {}).await.unwrap();
    agent.shutdown().await;
}
