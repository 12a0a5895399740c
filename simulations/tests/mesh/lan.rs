//! Promise P7: nothing leaves the LAN without a word of the person who runs the node. Hosts here have a way out, and whoever
//! lures them there gets nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use pishtar_simulations::lab::{Host, Lab, until};
use serde_json::Value;

use super::{CHANGED, LIMIT, Ministry, canary::Capture, number, start, text};

/// An address beyond the LAN (TEST-NET-3, RFC 5737).
const FAR: &str = "203.0.113.7";

/// Writes the destination of every IP packet that comes by, one a line, with the port of a TCP segment.
const DESTINATIONS: &str = "import ipaddress, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
out = open(sys.argv[1], 'a', buffering=1)
print('ready', flush=True)
while True:
    frame, address = wire.recvfrom(65536)
    kind = frame[12:14]
    if address[0] == 'lo': continue
    if kind == b'\\x08\\x00':
        head = 14 + 4 * (frame[14] & 15)
        port = int.from_bytes(frame[head + 2:head + 4], 'big') if frame[23] == 6 else 0
        print(ipaddress.ip_address(frame[30:34]), port, file=out)
    elif kind == b'\\x86\\xdd':
        print(ipaddress.ip_address(frame[38:54]), 0, file=out)";

/// Announces a neighbour that does not exist, at an address beyond the LAN and at one on it, once a second.
const ANNOUNCER: &str = "import socket, struct, sys, time
def name(text): return b''.join(bytes([len(p)]) + p.encode() for p in text.split('.')) + b'\\0'
def record(owner, kind, data): return name(owner) + struct.pack('>HHIH', kind, 0x8001 if kind != 12 else 1, 120, len(data)) + data
service, instance, host = '_pishtar._tcp.local', 'lure._pishtar._tcp.local', 'lure.local'
said = [b'v=1', b'net=lab', b'id=12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA']
records = [record(service, 12, name(instance)),
    record(instance, 33, struct.pack('>HHH', 0, 0, 4001) + name(host)),
    record(instance, 16, b''.join(bytes([len(t)]) + t for t in said))]
records += [record(host, 1, socket.inet_aton(ip)) for ip in sys.argv[2:]]
message = struct.pack('>HHHHHH', 0, 0x8400, 0, len(records), 0, 0) + b''.join(records)
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
wire.bind((sys.argv[1], 5353))
wire.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
print('ready', flush=True)
while True:
    wire.sendto(message, ('224.0.0.251', 5353))
    time.sleep(1)";

/// Reads pages as a browser does, and saves progress.
const READER: &str = "import json, sys, urllib.request as r
base, lesson = sys.argv[1:]
for page in ['/', '/search?q=thyesat', '/lesson/' + lesson, '/status', '/me']:
    try: r.urlopen(base + page, timeout=30).read()
    except r.HTTPError: pass
body = json.dumps({'learner': 'lan-0123456789abcdef', 'lesson': lesson, 'played': [[0, 9]], 'position': 9, 'duration': 44.8})
ask = r.Request(base + '/api/progress', body.encode(), {'Content-Type': 'application/json', 'Origin': base})
print(r.urlopen(ask, timeout=30).status)";

/// Destinations that no router of the LAN passes on.
fn stays(destination: &str) -> bool {
    let first = |prefix: &str| destination.starts_with(prefix);
    // This lab's network, multicast on the link, broadcast, and the same of IPv6.
    first("10.77.0.")
        || first("224.0.0.")
        || first("255.255.255.255")
        || first("ff02:")
        || first("fe80:")
}

fn destinations(file: &Path) -> Vec<String> {
    let seen = fs::read_to_string(file).expect("what was seen");
    seen.lines().map(str::to_owned).collect()
}

/// Everything beyond the LAN goes to the gateway, as at home.
fn with_way_out(lab: &mut Lab, name: &str, gateway: &Host) -> Host {
    let host = lab.host(name).expect("a host");
    let via = gateway.address().to_string();
    let route = ["route", "add", "default", "via", &via];
    host.run("ip", &route).expect("a route");
    host
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn nothing_leaves_the_lan_until_somebody_types_an_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ministry = Ministry::open(folder);
    let mut lab = Lab::new().expect("a lab");
    let gateway = lab.host("gateway").expect("a host");
    let [school, home, lure] =
        ["school", "home", "lure"].map(|name| with_way_out(&mut lab, name, &gateway));
    let seen: PathBuf = folder.join("destinations");
    let _watching = Capture::start(&gateway, DESTINATIONS, &[text(&seen)]);
    let (here, there) = (lure.address().to_string(), gateway.address().to_string());
    let _luring = Capture::start(&lure, ANNOUNCER, &[&here, FAR, &there]);

    let published = ministry.published();
    let publish = ["--publish", text(&published), "--sync-point"];
    let nodes = [
        start(&school, folder, "school", &ministry, &publish),
        start(&home, folder, "home", &ministry, &["--follow", "all"]),
    ];
    let complete = |status: &Value| number(status, "/lessons/complete") > 0;
    nodes[1]
        .wait_status("a lesson at home", LIMIT, complete)
        .expect("it comes");
    let base = format!("http://{}:8080", home.address());
    let saved = home.run("python3", &["-c", READER, &base, CHANGED]);
    assert_eq!(saved.expect("an answer").trim(), "201");
    let carries = |status: &Value| number(status, "/records/carried") > 0;
    nodes[0]
        .wait_status("the record at school", LIMIT, carries)
        .expect("it comes");
    // Both nodes heard the lure: they tried its address on the LAN.
    let tried = format!("{there} 4001");
    until("the lure to be tried", LIMIT, || {
        let count = destinations(&seen)
            .iter()
            .filter(|to| **to == tried)
            .count();
        if count >= 2 {
            Ok(())
        } else {
            Err(count.to_string())
        }
    })
    .expect("it is tried");
    let left: Vec<String> = destinations(&seen)
        .into_iter()
        .filter(|to| !stays(to))
        .collect();
    assert!(left.is_empty(), "left the LAN: {left:?}");

    // The switch is explicit, and the gateway would have seen a packet.
    drop(nodes);
    let far = format!("/ip4/{FAR}/tcp/4001");
    let _node = start(&home, folder, "home", &ministry, &["--peer", &far]);
    let tried = format!("{FAR} 4001");
    until("the typed address to be dialled", LIMIT, || {
        let seen = destinations(&seen);
        if seen.contains(&tried) {
            Ok(())
        } else {
            Err(seen.len().to_string())
        }
    })
    .expect("it is dialled");
}
