//! The lab itself: each of its models does what it says, and nothing of it stays behind.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use pishtar_simulations::lab::{Host, Lab, Medium, Usage, until};

/// Both ends of a measurement: `receive PORT`, `send ADDRESS PORT BYTES`, `echo PORT`, `ping ADDRESS PORT COUNT`.
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_peer.py");

fn namespaces() -> String {
    let output = Command::new("ip").args(["netns", "list"]).output();
    String::from_utf8(output.expect("ip runs").stdout).expect("names are text")
}

/// A program on a host; ended when dropped.
struct Running(std::process::Child);

impl Running {
    fn start(host: &Host, arguments: &[&str]) -> Running {
        let mut command = host.command("python3");
        let command = command.arg(PEER).args(arguments).stdout(Stdio::null());
        Running(command.spawn().expect("python3 runs"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it ran");
    }
}

/// Mbit/s of one TCP transfer.
fn rate(from: &Host, to: &Host, bytes: u64) -> f64 {
    let _receiver = Running::start(to, &["receive", "7000"]);
    let (address, count) = (to.address().to_string(), bytes.to_string());
    let seconds = from.run("python3", &[PEER, "send", &address, "7000", &count]);
    let seconds: f64 = seconds.expect("sent").trim().parse().expect("seconds");
    bytes as f64 * 8.0 / 1e6 / seconds
}

/// Answered datagrams of `count`, and the shortest time for there and back in ms.
fn ping(from: &Host, to: &Host, count: u32) -> (u32, f64) {
    let _echo = Running::start(to, &["echo", "7001"]);
    let (address, count) = (to.address().to_string(), count.to_string());
    let answer = from.run("python3", &[PEER, "ping", &address, "7001", &count]);
    let answer = answer.expect("pinged");
    let (got, ms) = answer.trim().split_once(' ').expect("two numbers");
    (got.parse().expect("a count"), ms.parse().expect("ms"))
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn rates_delay_and_counters_are_as_told_and_nothing_stays_behind() {
    let own = format!("plab-{}-", std::process::id());
    {
        let mut lab = Lab::new().expect("a lab");
        let near = lab.host("near").expect("a host");
        let far = lab
            .far_host("far", Duration::from_millis(20))
            .expect("a host");
        assert!(namespaces().contains(&own));

        let (got, ms) = ping(&near, &far, 20);
        assert_eq!(got, 20);
        assert!((40.0..46.0).contains(&ms), "{ms} ms there and back");

        let before = near.counters().expect("counters");
        ping(&near, &far, 100);
        let sent = near.counters().expect("counters") - before;
        // 100 datagrams of 500 bytes with UDP, IP and Ethernet headers; then only what looks for addresses.
        assert!((54_200..56_000).contains(&sent.tx_bytes), "{sent:?}");
        assert!((54_200..56_000).contains(&sent.rx_bytes), "{sent:?}");

        near.limit(20).expect("tbf");
        for (from, to) in [(&near, &far), (&far, &near)] {
            let mbit = rate(from, to, 4_000_000);
            assert!((17.0..21.0).contains(&mbit), "{mbit} Mbit/s");
        }
        near.limit(0).expect("tbf");
        let mbit = rate(&near, &far, 4_000_000);
        assert!(mbit > 25.0, "{mbit} Mbit/s without a limit");
    }
    assert!(!namespaces().contains(&own), "namespaces stayed behind");
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn loss_partitions_and_blocked_multicast_are_as_told() {
    let mut lab = Lab::new().expect("a lab");
    let one = lab.host("one").expect("a host");
    let two = lab.host("two").expect("a host");
    one.lose(5.0).expect("nft");
    let (got, _) = ping(&one, &two, 2_000);
    // Lost on the way there or on the way back: 9.75 %, plus or minus five standard deviations.
    assert!((1_739..1_872).contains(&got), "{got} of 2000");
    one.lose(0.0).expect("nft");
    assert_eq!(ping(&one, &two, 200).0, 200);

    lab.partition(&[&[&one], &[&two]]).expect("bridges");
    assert_eq!(ping(&one, &two, 3).0, 0, "parted");
    lab.heal(&[&one, &two]).expect("bridges");
    assert_eq!(ping(&one, &two, 3).0, 3, "healed");
    two.connect(false).expect("ip");
    assert_eq!(ping(&one, &two, 3).0, 0, "unplugged");
    two.connect(true).expect("ip");

    let heard = |lab_host: &Host| {
        let group = lab_host.run("python3", &[PEER, "group", "224.0.0.251", "7002"]);
        group.expect("listened").trim() == "heard"
    };
    let shouting = Running::start(&one, &["shout", "224.0.0.251", "7002"]);
    assert!(heard(&two));
    two.block_multicast().expect("nft");
    assert!(!heard(&two));
    drop(shouting);
    assert_eq!(ping(&one, &two, 3).0, 3, "unicast goes on");
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn the_air_of_a_cell_is_shared_by_all_and_the_access_point_has_two_interfaces() {
    let mut lab = Lab::new().expect("a lab");
    let medium = Medium {
        delay: Duration::from_millis(2),
        bits_per_second: Some(20_000_000),
    };
    let mut cell = lab.cell(medium).expect("a cell");
    let mut school = lab.host("school").expect("a host");
    let uplink = lab.host("uplink").expect("a host");
    cell.access_point(&mut school).expect("a second interface");
    assert_eq!(ping(&uplink, &school, 3).0, 3);
    let (one, two) = (
        cell.station("one").expect("a host"),
        cell.station("two").expect("a host"),
    );
    let inside = school
        .cell_address()
        .expect("it is the access point")
        .to_string();

    // From station to station every frame goes over the air twice.
    let before = cell.bytes();
    let mbit = rate(&one, &two, 2_000_000);
    assert!(
        (8.0..10.2).contains(&mbit),
        "{mbit} Mbit/s between stations"
    );
    let on_air = cell.bytes() - before;
    assert!(
        (4_000_000..4_800_000).contains(&on_air),
        "{on_air} bytes on the air"
    );

    // To the access point once; two stations at a time share it.
    let _receivers = [
        Running::start(&school, &["receive", "7003"]),
        Running::start(&school, &["receive", "7004"]),
    ];
    let send = |from: &Host, port: &str| {
        let mut command = from.command("python3");
        let command = command.args([PEER, "send", &inside, port, "2000000"]);
        command
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs")
    };
    let both = [send(&one, "7003"), send(&two, "7004")];
    let seconds = both.map(|child| {
        let output = child.wait_with_output().expect("it ran").stdout;
        let text = String::from_utf8(output).expect("text");
        text.trim().parse::<f64>().expect("seconds")
    });
    let last = seconds[0].max(seconds[1]);
    let mbit = 4_000_000.0 * 8.0 / 1e6 / last;
    assert!(
        (15.0..20.5).contains(&mbit),
        "{mbit} Mbit/s of two stations"
    );
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn a_lab_whose_process_is_killed_is_taken_down_by_its_janitor() {
    if std::env::var_os("LAB_VICTIM").is_some() {
        let mut lab = Lab::new().expect("a lab");
        let host = lab.host("lost").expect("a host");
        let mut sleeper = host
            .command("sleep")
            .arg("600")
            .spawn()
            .expect("sleep runs");
        sleeper.wait().expect("killed before it ends");
    }
    let own = std::env::current_exe().expect("a test");
    let name = "a_lab_whose_process_is_killed_is_taken_down_by_its_janitor";
    let mut command = Command::new(own);
    let command = command.args([name, "--exact", "--ignored", "--nocapture"]);
    let mut victim = command
        .env("LAB_VICTIM", "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let prefix = format!("plab-{}-", victim.id());
    let limit = Duration::from_secs(20);
    let ready = || {
        let pids = Command::new("ip")
            .args(["netns", "pids", &format!("{prefix}0-lost")])
            .output();
        let pids = String::from_utf8(pids.expect("ip runs").stdout).expect("text");
        let pid = pids.split_whitespace().next().map(str::to_owned);
        let usage = pid.clone().and_then(|pid| Usage::of_process(&pid).ok());
        match usage {
            Some(usage) if usage.rss_mib > 0.1 => pid.ok_or_else(String::new),
            _ => Err(namespaces()),
        }
    };
    let sleeper = until("the victim's lab", limit, ready).expect("it has one");
    victim.kill().expect("it is ours");
    victim.wait().expect("it ran");
    until("the janitor", limit, || match namespaces() {
        list if list.contains(&prefix) => Err(list),
        _ => Ok(()),
    })
    .expect("swept");
    // One that nobody waits for may stay as a zombie, which has no command line.
    let command = std::fs::read(format!("/proc/{sleeper}/cmdline")).unwrap_or_default();
    assert_eq!(
        String::from_utf8_lossy(&command),
        "",
        "the victim's program runs on"
    );
}
