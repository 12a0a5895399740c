//! A real PostgreSQL server of a test's own: in a temporary folder, reached by a socket there.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use postgres::{Client, NoTls};

/// The server; it ends with this value.
pub(super) struct Server {
    dir: tempfile::TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    running: Option<Child>,
}

impl Server {
    /// `None`, with a word, where no server is installed and none is required.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("PISHTAR_REQUIRE_TOOLS").is_none(),
                "PostgreSQL is not installed; ./check tools installs it"
            );
            eprintln!("passed over: PostgreSQL is not installed");
            return None;
        };
        let mut server = Self {
            dir: tempfile::tempdir().unwrap(),
            programs,
            user: other_user(),
            running: None,
        };
        if let Some((user, group)) = server.user {
            std::os::unix::fs::chown(server.dir.path(), Some(user), Some(group)).unwrap();
        }
        let made = server
            .command("initdb")
            .args(["--username=clerk", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let rules = "local all guest scram-sha-256\nlocal all all trust\n";
        fs::write(server.data().join("pg_hba.conf"), rules).unwrap();
        server.run();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The server refuses to run as root, so root gives it to another user.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.dir.path());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts it and waits until it says that it is ready.
    pub(super) fn run(&mut self) {
        for _ in 0..50 {
            let mut child = self
                .command("postgres")
                .arg("-D")
                .arg(self.data())
                .arg("-k")
                .arg(self.dir.path())
                .args(["-c", "listen_addresses=", "-c", "fsync=off"])
                .process_group(0)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
            let ready = said
                .by_ref()
                .any(|line| line.is_ok_and(|line| line.contains("ready to accept connections")));
            // Its later words are read, so that it never waits for a reader.
            std::thread::spawn(move || said.for_each(drop));
            if ready {
                self.running = Some(child);
                return;
            }
            // What a killed server left is still ending; it says so and ends itself.
            child.wait().unwrap();
        }
        panic!("the server does not start");
    }

    /// Ends the server and all its processes at once.
    pub(super) fn kill(&mut self) {
        let Some(mut child) = self.running.take() else {
            return;
        };
        let group = rustix::process::Pid::from_child(&child);
        // Gone already is as good.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        child.wait().unwrap();
    }

    /// Address of a database for this user.
    pub(super) fn address(&self, user: &str, database: &str) -> String {
        let host = self.dir.path().display();
        format!("host={host} user={user} dbname={database}")
    }

    /// Makes an empty database.
    pub(super) fn create(&self, database: &str) -> String {
        let mut client = self.client("postgres");
        client
            .batch_execute(&format!("CREATE DATABASE {database}"))
            .unwrap();
        self.address("clerk", database)
    }

    /// A connection for looking.
    pub(super) fn client(&self, database: &str) -> Client {
        Client::connect(&self.address("clerk", database), NoTls).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop()
}

/// For root: the user `postgres`, or nobody.
fn other_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut parts = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    Some(found.unwrap_or((65534, 65534)))
}
