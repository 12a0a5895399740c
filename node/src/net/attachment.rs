//! How this machine hangs on its network: found in the system's list of interfaces, said to neighbours in libp2p's
//! `identify`.

use std::{fs, path::Path};

use pishtar_mesh::Attachment;

const CABLE: &str = "cable";
const AIR: &str = "air";

/// What the system says: by cable when an interface with a plug is up, on the air when only wireless ones are. A
/// machine that is itself the access point looks like a station; only who runs it knows better.
pub fn detect() -> Attachment {
    of_interfaces(Path::new("/sys/class/net"))
}

fn of_interfaces(folder: &Path) -> Attachment {
    let Ok(interfaces) = fs::read_dir(folder) else {
        return Attachment::Unknown;
    };
    let found = interfaces
        .flatten()
        .filter_map(|entry| of_one(&entry.path()));
    // A plug beside Wi-Fi is the better way, and the system's routes prefer it.
    found
        .min_by_key(|attachment| *attachment != Attachment::Cable)
        .unwrap_or_default()
}

/// Bridges, tunnels and the loopback have no device behind them and say nothing.
fn of_one(interface: &Path) -> Option<Attachment> {
    let state = fs::read_to_string(interface.join("operstate")).unwrap_or_default();
    if !interface.join("device").exists() || state.trim() != "up" {
        return None;
    }
    let wireless = ["wireless", "phy80211"].map(|name| interface.join(name).exists());
    Some(match wireless.contains(&true) {
        true => Attachment::Air,
        false => Attachment::Cable,
    })
}

/// What `identify` says of a node of this version: program, version, how it hangs on its network.
pub(super) fn agent(attachment: Attachment) -> String {
    let program = concat!("pishtar/", env!("CARGO_PKG_VERSION"));
    match attachment {
        Attachment::Unknown => program.to_owned(),
        Attachment::Cable => format!("{program} {CABLE}"),
        Attachment::Air => format!("{program} {AIR}"),
    }
}

/// What a neighbour's words say; words of other programs and versions say nothing.
pub(super) fn of_agent(agent: &str) -> Attachment {
    match agent.split(' ').nth(1) {
        Some(CABLE) => Attachment::Cable,
        Some(AIR) => Attachment::Air,
        _ => Attachment::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(folder: &Path, name: &str, state: &str, parts: &[&str]) {
        let interface = folder.join(name);
        fs::create_dir(&interface).expect("space");
        fs::write(interface.join("operstate"), format!("{state}\n")).expect("space");
        for part in parts {
            fs::create_dir(interface.join(part)).expect("space");
        }
    }

    #[test]
    fn a_plug_counts_before_wireless_and_what_is_down_or_virtual_does_not() {
        let folder = tempfile::tempdir().expect("space");
        let folder = folder.path();
        interface(folder, "lo", "unknown", &[]);
        interface(folder, "br0", "up", &[]);
        interface(folder, "eth0", "down", &["device"]);
        assert_eq!(of_interfaces(folder), Attachment::Unknown);
        interface(folder, "wlan0", "up", &["device", "wireless"]);
        assert_eq!(of_interfaces(folder), Attachment::Air);
        interface(folder, "wlan1", "up", &["device", "phy80211"]);
        assert_eq!(of_interfaces(folder), Attachment::Air);
        interface(folder, "eth1", "up", &["device"]);
        assert_eq!(of_interfaces(folder), Attachment::Cable);
        assert_eq!(of_interfaces(&folder.join("none")), Attachment::Unknown);
    }

    #[test]
    fn what_is_said_is_understood_and_other_words_are_not() {
        for attachment in [Attachment::Unknown, Attachment::Cable, Attachment::Air] {
            assert_eq!(of_agent(&agent(attachment)), attachment);
        }
        for other in [
            "",
            "air",
            "go-libp2p/1",
            "pishtar/9 balloon",
            "pishtar/9  air",
        ] {
            assert_eq!(of_agent(other), Attachment::Unknown, "{other}");
        }
    }
}
