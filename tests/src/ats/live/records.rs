//! The records of a server: `records.config` up to 9.2, `records.yaml` from 10.0 on.
//!
//! They are written once, as lines of `records.config`; [`to_yaml`] says the same for later
//! releases.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::release::Release;

/// The name of the file that a server of `release` reads, and what must stand in it for these
/// lines of `records.config`.
pub(crate) fn file_of(release: Release, lines: &str) -> (&'static str, String) {
    match release.is_10_or_later() {
        true => ("records.yaml", to_yaml(lines)),
        false => ("records.config", lines.to_owned()),
    }
}

/// Records that have another name from 10.0 on.
const RENAMED: [(&str, &str); 1] = [("exec_thread.autoconfig", "exec_thread.autoconfig.enabled")];

/// A record, or records under a common name.
enum Node {
    Value(String),
    Under(BTreeMap<String, Node>),
}

/// `lines`, each `CONFIG proxy.config.NAME TYPE VALUE`, as `records.yaml`. A record that stands
/// twice counts as the last time.
fn to_yaml(lines: &str) -> String {
    let mut all = BTreeMap::new();
    for line in lines.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some("CONFIG"), Some(name), Some(kind)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let value = words.next().unwrap_or_default();
        let value = match kind {
            "INT" | "FLOAT" => value.to_owned(),
            // What stands for no text at all.
            _ if value == "NULL" => "null".to_owned(),
            _ => format!("'{}'", value.replace('\'', "''")),
        };
        let name = name.strip_prefix("proxy.config.").unwrap_or(name);
        let renamed = RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new);
        put(&mut all, renamed, value);
    }
    let mut text = String::from("records:\n");
    write(&mut text, &all, 1);
    text
}

fn put(under: &mut BTreeMap<String, Node>, name: &str, value: String) {
    let Some((first, rest)) = name.split_once('.') else {
        under.insert(name.to_owned(), Node::Value(value));
        return;
    };
    let node = under.entry(first.to_owned()).or_insert_with(|| Node::Under(BTreeMap::new()));
    if let Node::Under(under) = node {
        put(under, rest, value);
    }
}

fn write(text: &mut String, all: &BTreeMap<String, Node>, depth: usize) {
    for (name, node) in all {
        let indent = "  ".repeat(depth);
        // Writing to a String does not fail.
        let _ = match node {
            Node::Value(value) => writeln!(text, "{indent}{name}: {value}"),
            Node::Under(_) => writeln!(text, "{indent}{name}:"),
        };
        if let Node::Under(under) = node {
            write(text, under, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "CONFIG proxy.config.admin.user_id STRING #-1\n\
         CONFIG proxy.config.http.server_ports STRING 8080:ip-in=127.0.0.1\n\
         CONFIG proxy.config.http.wait_for_cache INT 0\n\
         CONFIG proxy.config.crash_log_helper STRING NULL\n\
         CONFIG proxy.config.exec_thread.autoconfig INT 0\n\
         CONFIG proxy.config.exec_thread.limit INT 1\n\
         CONFIG proxy.config.http.connect_ports STRING 443 8'1\n\
         CONFIG proxy.config.http.wait_for_cache INT 1\n";

    #[test]
    fn nine_2_reads_the_lines_and_10_2_the_same_as_yaml() {
        let of = |version| file_of(Release::of_server(version).unwrap(), LINES);
        assert_eq!(of("9.2.15"), ("records.config", LINES.to_owned()));
        let yaml = "records:\n  admin:\n    user_id: '#-1'\n  crash_log_helper: null\n  exec_thread:\n    \
             autoconfig:\n      enabled: 0\n    limit: 1\n  http:\n    \
             connect_ports: '443 8''1'\n    server_ports: '8080:ip-in=127.0.0.1'\n    \
             wait_for_cache: 1\n";
        assert_eq!(of("10.0.0"), ("records.yaml", yaml.to_owned()));
        assert_eq!(of("10.2.0").1, yaml);
    }
}
