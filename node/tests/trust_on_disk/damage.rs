//! Files that are not what was written: nothing of them is believed, and what the message says to do works.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use pishtar::store::trust::TrustStore;

use super::world::{self, World};

/// What becomes of one file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Emptied,
    Truncated,
    Garbled,
    OneBit,
    Lost,
}

impl Damage {
    const ALL: [Damage; 5] = [
        Damage::Emptied,
        Damage::Truncated,
        Damage::Garbled,
        Damage::OneBit,
        Damage::Lost,
    ];

    fn on(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Damage::Emptied => bytes.clear(),
            Damage::Truncated => bytes.truncate(bytes.len() / 2),
            Damage::Garbled => bytes
                .iter_mut()
                .for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0x5a),
            Damage::OneBit => *bytes.last_mut().unwrap() ^= 1,
            Damage::Lost => return fs::remove_file(path).unwrap(),
        }
        fs::write(path, bytes).unwrap();
    }
}

pub(super) fn every_damage_fails_closed() -> Result<(), String> {
    let world = World::new(&["ministry", "prizren"]);
    let mut cases = 0;
    for name in names(&world.copy().path().join("trust/ministry")) {
        for damage in Damage::ALL {
            let data = world.copy();
            damage.on(&data.path().join("trust/ministry").join(&name));
            let what = format!("{name} {damage:?}");
            let said = match world::state(data.path()) {
                Ok(state) => panic!("{what}: passed for sound: {state:?}"),
                Err(error) => error.to_string(),
            };
            assert!(
                said.contains(&name),
                "{what}: does not name the file: {said}"
            );
            let update = world::update(data.path(), &world.published());
            assert!(update.is_err(), "{what}: an update went over it");
            seed_as_told(&world, data.path(), &said);
            cases += 1;
        }
    }
    println!("{cases} damaged files refused and seeded again as the message says");
    Ok(())
}

/// Does what the message says, and nothing else.
fn seed_as_told(world: &World, data: &Path, said: &str) {
    let folder = said
        .split_once("Move ")
        .and_then(|(_, rest)| rest.split_once(" aside"));
    let folder = PathBuf::from(folder.expect("the message says what to move").0);
    assert_eq!(folder, data.join("trust/ministry"));
    assert!(said.contains("--root"), "{said}");
    fs::rename(&folder, data.join("damaged")).unwrap();
    let store = TrustStore::open(data.join("trust")).unwrap();
    store
        .pin("ministry", &world.first_roots["ministry"])
        .unwrap();
    world::update(data, &world.published()).unwrap();
    assert_eq!(world::state(data).unwrap(), world.after);
}

fn names(folder: &Path) -> Vec<String> {
    let listing = fs::read_dir(folder).unwrap();
    listing
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The same with the program that people run, and its own words.
pub(super) fn a_node_says_how_to_seed_and_it_works() -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let published = publish(dir.path());
    let data = dir.path().join("data");
    let root = published.join("metadata/1.root.json");
    let seeding = [
        "--root",
        root.to_str().unwrap(),
        "--publish",
        published.to_str().unwrap(),
    ];
    let version = version_when_running(&data, &seeding);
    assert!(version > 0);

    let trust = data.join("trust/ministry");
    fs::write(trust.join("manifest.json"), b"").unwrap();
    let refused = run_to_end(&data, &seeding);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("manifest.json does not read"), "{said}");
    let told = format!("Move {} aside and start once with --root", trust.display());
    assert!(said.contains(&told), "{said}");
    let still_refused = run_to_end(&data, &[]);
    assert_eq!(
        still_refused.status.code(),
        Some(1),
        "damage is not forgotten"
    );

    fs::rename(&trust, dir.path().join("aside")).unwrap();
    assert_eq!(version_when_running(&data, &seeding), version);
    Ok(())
}

/// A workshop with the sample lessons, published.
fn publish(dir: &Path) -> PathBuf {
    let (workshop, out) = (dir.join("workshop"), dir.join("out"));
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
    let [workshop, samples] = [&workshop, &samples].map(|path| path.to_str().unwrap());
    for step in [
        &["init", workshop][..],
        &["add", workshop, "--from", samples],
        &["sign", workshop],
        &["publish", workshop, "--to", out.to_str().unwrap()],
    ] {
        let done = pishtar().arg("ministry").args(step).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    out
}

fn pishtar() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pishtar"))
}

fn node(data: &Path, arguments: &[&str]) -> Command {
    let mut command = pishtar();
    command.args([
        "run",
        "--no-mdns",
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
        "--web",
        "127.0.0.1:0",
        "--data",
    ]);
    command.arg(data).args(arguments).stdin(Stdio::null());
    command
}

fn run_to_end(data: &Path, arguments: &[&str]) -> Output {
    node(data, arguments).output().unwrap()
}

/// Runs a node until it has a catalogue, and gives the version.
fn version_when_running(data: &Path, arguments: &[&str]) -> u64 {
    let mut running = node(data, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + Duration::from_secs(60);
    let version = loop {
        let asked = pishtar()
            .args(["status", "--json", "--data"])
            .arg(data)
            .output()
            .unwrap();
        let status: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        let version = status["catalogs"][0]["version"].as_u64().unwrap_or(0);
        if version > 0 || Instant::now() > give_up {
            break version;
        }
        // The program is asked again; nothing but its answer counts.
        std::thread::sleep(Duration::from_millis(50));
    };
    running.kill().unwrap();
    running.wait().unwrap();
    version
}
