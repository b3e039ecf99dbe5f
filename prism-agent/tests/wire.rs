//! The generated wire types are committed; this test keeps them equal to what the `.proto` files say.

use std::error::Error;
use std::fs;
use std::path::Path;

const PROTO: &str = "prism/agent/v1/agent.proto";
const FILES: [&str; 2] = ["prism.agent.v1.rs", "descriptor.bin"];

/// Messages that carry a secret print themselves through a hand-written `Debug`.
const SECRET: [&str; 2] = [".prism.agent.v1.UploadBegin", ".prism.agent.v1.ReleaseRequest"];

fn generate(out: &Path) -> Result<(), Box<dyn Error>> {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut compiler = protox::Compiler::new([&include])?;
    compiler.include_source_info(true).include_imports(true).open_file(PROTO)?;
    let files = compiler.file_descriptor_set();
    tonic_prost_build::configure().bytes(".").skip_debug(SECRET).out_dir(out).compile_fds(files)?;
    let mut bare = protox::Compiler::new([&include])?;
    bare.include_imports(true).open_file(PROTO)?;
    fs::write(out.join("descriptor.bin"), bare.encode_file_descriptor_set())?;
    Ok(())
}

#[test]
fn the_committed_wire_module_is_what_the_proto_files_say() -> Result<(), Box<dyn Error>> {
    let fresh = tempfile::tempdir()?;
    generate(fresh.path())?;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/generated");
    for name in FILES {
        let expected = fs::read(fresh.path().join(name))?;
        if std::env::var_os("PRISM_REGENERATE").is_some_and(|v| v == "1") {
            fs::write(committed.join(name), &expected)?;
        }
        let found = fs::read(committed.join(name)).unwrap_or_default();
        assert!(found == expected, "{name} is stale: run this test with PRISM_REGENERATE=1 and commit the result");
    }
    Ok(())
}
