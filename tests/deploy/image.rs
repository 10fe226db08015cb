//! The image without an engine: its root put together as the Dockerfile does it, and the program run inside of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::common::daemon::PROGRAM;
use super::common::servers::program;
use super::common::{eventually, free_port};
use super::{Running, shipped};

/// Every file under a folder, as it is called inside.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(format!("/{}", path.strip_prefix(folder).unwrap().display()));
            }
        }
    }
    found
}

/// A command in a root of its own, as nobody in particular where we may say who runs it.
fn inside(root: &Path) -> Option<Command> {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let unshare = |command: &mut Command| {
        command.args(["--user", "--map-root-user"]);
    };
    let mut command = if is_root {
        let mut chroot = Command::new("chroot");
        chroot.arg("--userspec=65532:65532");
        chroot
    } else {
        let mut tried = Command::new("unshare");
        unshare(&mut tried);
        if !tried.arg("true").status().is_ok_and(|status| status.success()) {
            println!("skipped: this user may have no root of its own");
            return None;
        }
        let mut chroot = Command::new("unshare");
        unshare(&mut chroot);
        chroot.arg("chroot");
        chroot
    };
    command.arg(root).arg("/usr/bin/bongsu").env_remove("BONGSU_LOG");
    Some(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_has_what_the_program_needs_and_its_bill_has_every_file() {
    let programs = ["dpkg-query", "python3"].map(program);
    let [Some(_), Some(_)] = programs else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(shipped("docker/root.sh")).arg(PROGRAM).arg(folder.path()).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let root = folder.path().join("image");
    let bill = fs::read(root.join("usr/share/doc/bongsu/image.cdx.json")).unwrap();
    let bill: Value = serde_json::from_slice(&bill).unwrap();
    is_whole(&bill, &files(&root));

    // where the volumes are
    fs::rename(folder.path().join("data"), root.join("var/lib/bongsu")).unwrap();
    Command::new("chown").arg("65532:65532").arg(root.join("var/lib/bongsu")).status().unwrap();
    let port = free_port();
    let config = fs::read_to_string(shipped("compose/bongsu.toml"))
        .unwrap()
        .replace("0.0.0.0:8080", &format!("127.0.0.1:{port}"))
        .replace("mosquitto:1883", &format!("127.0.0.1:{}", free_port()))
        .replace("influxdb:8086", &format!("127.0.0.1:{}", free_port()));
    for folder in ["etc/bongsu/sites", "run/secrets"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("etc/bongsu/bongsu.toml"), config).unwrap();
    let site = "sites/example.toml";
    fs::copy(shipped("compose").join(site), root.join("etc/bongsu").join(site)).unwrap();
    for secret in ["mqtt-bongsu", "influxdb-token"] {
        fs::write(root.join("run/secrets").join(secret), "secret").unwrap();
    }
    let Some(mut run) = inside(&root) else { return };
    let daemon = Running::of(run.args(["run", "--config", "/etc/bongsu/bongsu.toml"]));
    let url = format!("http://127.0.0.1:{port}");
    eventually("it is found healthy", || async {
        let mut healthy = inside(&root)?;
        let said = healthy.args(["healthy", "--url", &url]).output().unwrap();
        said.status.success().then_some(())
    })
    .await;
    drop(daemon);
}

/// The program, its crates, and each file of somebody else's once, by its package.
fn is_whole(bill: &Value, files: &BTreeSet<String>) {
    assert_eq!(bill["metadata"]["component"]["type"], "container");
    let components = bill["components"].as_array().unwrap();
    let of = |kind: &'static str| {
        let is_kind = move |one: &&Value| one["purl"].as_str().unwrap().starts_with(kind);
        components.iter().filter(is_kind)
    };
    assert!(of("pkg:cargo/").count() > 100);
    assert!(of("pkg:cargo/bongsu@").count() == 1 && of("pkg:deb/debian/libc6@").count() == 1);
    let listed: BTreeSet<&str> = of("pkg:deb/debian/")
        .flat_map(|package| package["components"].as_array().unwrap())
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    let ours = ["/usr/bin/bongsu", "/usr/share/doc/bongsu/", "/var/lib/dpkg/", "/etc/passwd"];
    let ours = [&ours[..], &["/etc/group", "/etc/nsswitch.conf"]].concat();
    let is_ours = |file: &&str| ours.iter().any(|own| file.starts_with(own));
    let others: BTreeSet<&str> = files.iter().map(String::as_str).filter(|f| !is_ours(f)).collect();
    assert_eq!(listed, others);
    assert!(listed.contains("/etc/ssl/certs/ca-certificates.crt"));
}

/// What a source takes in when it is compiled, from where it lies.
fn taken_in(source: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(source).unwrap();
    let words = ["include_str!(", "include_bytes!("];
    let taken = words.iter().flat_map(|word| text.split(word).skip(1));
    taken
        .filter_map(|rest| rest.split('"').nth(1))
        .map(|name| source.parent().unwrap().join(name))
        .collect()
}

/// Whatever the program is compiled from is given to the image's builder, and what the builder runs.
#[test]
fn its_builder_is_given_every_source() {
    let tree = fs::canonicalize(env!("CARGO_MANIFEST_DIR")).unwrap();
    let ignore = fs::read_to_string(tree.join(".dockerignore")).unwrap();
    let given: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let is_ours = |path: &PathBuf| {
        let text = path.to_str().unwrap();
        text.ends_with(".rs") && !text.contains("/tests") && !text.contains("/target/")
    };
    let rooms = ["src", "ingest", "alerting", "firmware-sim"].map(|room| tree.join(room));
    let sources: Vec<PathBuf> = rooms
        .iter()
        .flat_map(|room| files(room).into_iter().map(|name| room.join(&name[1..])))
        .filter(is_ours)
        .collect();
    let taken = sources.iter().flat_map(|source| taken_in(source));
    let dockerfile = fs::read_to_string(shipped("docker/Dockerfile")).unwrap();
    let words =
        dockerfile.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let run = words.filter(|word| word.starts_with("deploy/"));
    let needed: BTreeSet<PathBuf> = taken
        .chain(run.map(|word| tree.join(word)))
        .chain(sources.iter().cloned())
        .map(|path| fs::canonicalize(&path).unwrap_or(path))
        .collect();
    assert!(needed.len() > 300, "{}", needed.len());
    for path in needed {
        let path = path.strip_prefix(&tree).unwrap();
        let is_given = given.iter().any(|given| path.starts_with(given));
        assert!(is_given, ".dockerignore keeps {} from it", path.display());
    }
}
