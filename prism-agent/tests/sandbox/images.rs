//! Images as roots: the contract holds inside, nothing of the host is there, and the image stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use prism_agent::runner::{AuxiliaryInput, End, Layer, ResultLimits, RunError, Runtime, collect_results};
use prism_core::code::{Code, Coded};
use prism_core::image::{ImageConfig, ImagePath};

use crate::world::{Verdict, World};
use crate::{needs, root, tests};

tests!["images":
    an_image_is_the_programs_root,
    an_image_that_was_run_is_the_same_image,
    arguments_and_environment_come_from_manifest_and_image,
    the_images_working_directory_has_datasets_and_results,
    programs_for_cocos_find_their_folders,
    links_in_an_image_lead_nowhere_outside,
    lists_of_an_image_are_its_own,
    what_an_image_writes_is_bounded,
    a_program_in_an_image_gets_no_further_than_any_other,
    an_image_without_a_program_is_refused,
    an_image_is_not_run_where_no_root_can_be_made,
];

impl World {
    /// An image whose shell runs `script`.
    fn image(script: &str) -> Self {
        let mut world = Self::python("");
        let folder = world.dir.path().join("image");
        for (path, bytes) in root::files() {
            let file = folder.join(path.strip_prefix("/").unwrap());
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, bytes).unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir_all(folder.join("etc")).unwrap();
        fs::create_dir_all(folder.join("srv/app")).unwrap();
        fs::write(folder.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nhalf a line").unwrap();
        fs::write(folder.join("srv/app/model"), "weights").unwrap();
        fs::write(folder.join("srv/app/train.sh"), script).unwrap();
        world.spec.algorithm = folder;
        world.config(|config| config.cmd = ["sh", "-eu", "/srv/app/train.sh"].map(str::to_owned).to_vec())
    }

    fn config(mut self, change: impl FnOnce(&mut ImageConfig)) -> Self {
        let mut config = match &self.spec.runtime {
            Runtime::Image(config) => config.clone(),
            _ => ImageConfig::default(),
        };
        change(&mut config);
        self.spec.runtime = Runtime::Image(config);
        self
    }

    fn folder_of_image(&self) -> PathBuf {
        self.spec.algorithm.clone()
    }
}

fn an_image_is_the_programs_root() -> Verdict {
    needs!(MountNamespace);
    let mut world = World::image(
        "[ \"$PWD\" = /work ] && [ \"$(cat /srv/app/model)\" = weights ]\n\
         [ ! -e /usr/bin/python3 ] && [ ! -e /var ] && [ ! -e /root ] && [ ! -e /etc/shadow ]\n\
         [ \"$(cat datasets/iris.csv)\" = a,b ] && echo changed > datasets/iris.csv && echo x > datasets/new\n\
         [ \"$(cat $HOME/.cache/weights)\" = pre-trained ]\n\
         echo x > $HOME/x; echo x > $TMPDIR/x; echo x > /dev/shm/x; echo x > /tmp/x\n\
         rm -r results; mkdir results; mkdir results/deep\n\
         cat /proc/self/status > /dev/null; cat /dev/null; cat /sys/devices/system/cpu/online > /dev/null\n\
         [ \"$(cat /etc/passwd)\" = \"root:x:0:0::/root:/bin/sh\nprism:x:$(id -u):$(id -g)::/home/prism:/bin/sh\" ]\n\
         [ \"$(id -un)\" = prism ] && [ \"$(cat /etc/hostname)\" = prism ] && [ -z \"$(cat /etc/resolv.conf)\" ]\n\
         echo done > results/deep/out\n",
    )
    .file("iris.csv", "a,b")
    .folder("more", &[("x/y", "z")]);
    let weights = world.dir.path().join("weights");
    fs::write(&weights, "pre-trained").unwrap();
    world.spec.auxiliary = vec![AuxiliaryInput::new(".cache/weights", weights)];
    assert_eq!(world.run().succeeded().result("deep/out"), "done\n");
    assert_eq!(fs::read_to_string(world.asset("iris.csv")).unwrap(), "a,b");
    Verdict::Held
}

/// Every file and folder below `path`, with what is in it.
fn everything(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found.extend(everything(&path));
        }
        let content = if kind.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        found.insert(path, content);
    }
    found
}

fn an_image_that_was_run_is_the_same_image() -> Verdict {
    needs!(MountNamespace);
    let world = World::image(
        "echo changed > /srv/app/model; echo new > /lib/new; chmod 700 /srv/app; rm /srv/app/train.sh; rm -r /bin/ls\n\
         mkdir /srv/results; [ \"$(cat /srv/app/model)\" = changed ]; echo ok > results/ok\n",
    );
    let before = everything(&world.folder_of_image());
    assert_eq!(world.run().succeeded().result("ok"), "ok\n");
    assert_eq!(everything(&world.folder_of_image()), before);
    // And runs again, from the same state.
    world.run().succeeded();
    Verdict::Held
}

fn arguments_and_environment_come_from_manifest_and_image() -> Verdict {
    needs!(MountNamespace);
    let mut world = World::image("").config(|config| {
        config.entrypoint = ["sh", "-c", "echo \"$0|$*|$A|$B|$HOME|$PATH|${CARGO:-}\""].map(str::to_owned).to_vec();
        config.cmd = ["zero", "of the image"].map(str::to_owned).to_vec();
        let variables = [("A", "image"), ("B", "image"), ("HOME", "/root"), ("PATH", "/bin:/sbin")];
        config.environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    });
    world.spec.environment.insert("B".to_owned(), "manifest".to_owned());
    let said = |world: &World| world.run().succeeded().stdout;
    assert_eq!(said(&world), "zero|of the image|image|manifest|/home/prism|/bin:/sbin|\n");
    world = world.args(["nought", "of $(id) the manifest"]);
    assert_eq!(said(&world), "nought|of $(id) the manifest|image|manifest|/home/prism|/bin:/sbin|\n");
    Verdict::Held
}

fn the_images_working_directory_has_datasets_and_results() -> Verdict {
    needs!(MountNamespace);
    let world = World::image(
        "[ \"$PWD\" = /srv/app ] && [ \"$(cat model)\" = weights ] && [ \"$(ls results)\" = '' ]\n\
         [ \"$(ls datasets)\" = iris.csv ]; rm -r results; mkdir results; echo x > results/out\n\
         echo y > /srv/app/beside; rm datasets/iris.csv\n",
    )
    .file("iris.csv", "a,b")
    .config(|config| config.working_dir = ImagePath::read(b"/srv/app").unwrap());
    let app = world.folder_of_image().join("srv/app");
    for folder in ["results", "datasets"] {
        fs::create_dir(app.join(folder)).unwrap();
        fs::write(app.join(folder).join("baked"), "by whoever built the image").unwrap();
    }
    let ran = world.run().succeeded();
    let collected = collect_results(&ran.outcome.results, &ResultLimits::default()).unwrap();
    assert_eq!(collected.files.iter().map(prism_agent::runner::ResultFile::name).collect::<Vec<_>>(), ["out"]);
    // A working directory that the image has not got is made.
    let world = World::image("[ \"$PWD\" = /new/place ]; echo x > results/out")
        .config(|config| config.working_dir = ImagePath::read(b"new/place").unwrap());
    assert_eq!(world.run().succeeded().result("out"), "x\n");
    Verdict::Held
}

fn programs_for_cocos_find_their_folders() -> Verdict {
    needs!(MountNamespace);
    let script = "[ \"$(cat /cocos/datasets/iris.csv)\" = a,b ]; echo x > /cocos/results/out\n";
    let with = |directory: &str| {
        let directory = ImagePath::read(directory.as_bytes()).unwrap();
        World::image(script).file("iris.csv", "a,b").config(|config| config.working_dir = directory)
    };
    for baked in [false, true] {
        for directory in ["", "/srv/app", "/cocos"] {
            let world = with(directory);
            if baked {
                fs::create_dir_all(world.folder_of_image().join("cocos/results")).unwrap();
                fs::write(world.folder_of_image().join("cocos/train.py"), "").unwrap();
            }
            assert_eq!(world.run().succeeded().result("out"), "x\n", "{directory} {baked}");
        }
    }
    Verdict::Held
}

fn links_in_an_image_lead_nowhere_outside() -> Verdict {
    needs!(MountNamespace);
    for name in ["app", "etc", "home", "tmp", "dev", "proc", "sys", "cocos", "work"] {
        let world = World::image("echo x > results/out; echo x > /tmp/x; cat /proc/self/status > /dev/null\n")
            .file("iris.csv", "a,b")
            .config(|config| config.working_dir = ImagePath::read(b"/app/here").unwrap());
        let outside = world.dir.path().join("outside");
        fs::create_dir_all(outside.join("here")).unwrap();
        fs::write(outside.join("passwd"), "of the host").unwrap();
        let link = world.folder_of_image().join(name);
        let _ = fs::remove_dir_all(&link);
        symlink(&outside, &link).unwrap();
        let before = everything(&outside);
        // Where the working directory leads nowhere, nothing runs.
        match world.attempt() {
            Ok(ran) => assert_eq!(ran.succeeded().result("out"), "x\n", "{name}"),
            Err(refused) => assert!(name == "app" && matches!(refused, RunError::Spec { .. }), "{name}: {refused}"),
        }
        assert_eq!(everything(&outside), before, "{name}");
    }
    Verdict::Held
}

fn lists_of_an_image_are_its_own() -> Verdict {
    needs!(MountNamespace);
    // Whoever builds the root may read all of these.
    for target in ["/proc/kallsyms", "/proc/self/mountinfo", "/proc/version", "/sys/devices/system/cpu/online"] {
        let world = World::image("while read -r line; do echo \"$line\"; done < /etc/passwd > results/out\n");
        for name in ["passwd", "group"] {
            let link = world.folder_of_image().join("etc").join(name);
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
        }
        let passwd = world.run().succeeded().result("out");
        assert!(passwd.starts_with("prism:x:") && passwd.lines().count() == 1, "{target}: {passwd}");
    }
    Verdict::Held
}

fn what_an_image_writes_is_bounded() -> Verdict {
    needs!(MountNamespace);
    World::image("cat /dev/urandom > /srv/full\n")
        .limit(|limits| limits.disk_bytes = 8 << 20)
        .run()
        .ended(End::DiskLimit);
    Verdict::Held
}

fn a_program_in_an_image_gets_no_further_than_any_other() -> Verdict {
    needs!(MountNamespace);
    let world = World::image(
        "for file in /dev/x /proc/sys/kernel/hostname /sys/x /x /proc/x /sys/devices/system/cpu/online; do\n\
         if (echo x > $file) 2> /dev/null; then echo $file can be written; fi; done\n\
         for file in /etc/shadow /proc/1/root/etc/shadow /proc/1/environ /dev/kmsg /dev/mem; do\n\
         if cat $file > /dev/null 2>&1; then echo $file can be read; fi; done\n\
         [ \"$(id -u)\" != 0 ] || echo root\n\
         cat /proc/self/status\n",
    );
    fs::write(world.folder_of_image().join("srv/su"), fs::read("/bin/id").unwrap()).unwrap();
    let said = world.run().succeeded().stdout;
    assert!(said.starts_with("Name:"), "{said}");
    for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(crate::world::available().is_active(Layer::Landlock));
    Verdict::Held
}

fn an_image_without_a_program_is_refused() -> Verdict {
    let world = World::image("").config(|config| config.cmd.clear());
    let refused = world.attempt().err().unwrap();
    assert!(matches!(refused, RunError::Spec { .. }), "{refused}");
    let mut world = World::image("");
    world.spec.algorithm = world.spec.algorithm.join("etc/passwd");
    assert!(matches!(world.attempt().err().unwrap(), RunError::Spec { .. }));
    needs!(MountNamespace);
    for program in ["absent", "/bin/absent", "/etc", "/srv/app/model"] {
        let refused = World::image("").args([]).config(|config| config.cmd = vec![program.to_owned()]).attempt();
        let refused = refused.err().unwrap();
        assert!(matches!(&refused, RunError::Spec { found, .. } if found.starts_with(program)), "{refused}");
        assert_eq!(refused.code(), Code::RunFailed);
    }
    Verdict::Held
}

fn an_image_is_not_run_where_no_root_can_be_made() -> Verdict {
    if crate::world::available().is_active(Layer::MountNamespace) {
        return Verdict::Skipped("a root can be made here".to_owned());
    }
    let refused = World::image("echo x > results/x").attempt().err().unwrap();
    assert!(matches!(refused, RunError::LayerMissing { layer: Layer::MountNamespace, .. }), "{refused}");
    assert_eq!(refused.code(), Code::SandboxUnavailable);
    Verdict::Held
}
