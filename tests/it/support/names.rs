//! A name server that gives the answers of a test, over UDP.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// What a name stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meaning {
    /// The other name that it only stands for.
    alias: Option<String>,
    /// The addresses of each answer; the last answer is given again and again.
    answers: Vec<Vec<IpAddr>>,
    asked: BTreeMap<u16, usize>,
}

impl Meaning {
    /// A name with these addresses.
    pub(crate) fn of(addresses: &[&str]) -> Self {
        Self::changing(&[addresses])
    }

    /// A name with other addresses each time, until the last answer stays.
    pub(crate) fn changing(answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        Self { answers: answers.iter().map(parse).collect(), ..Self::default() }
    }

    /// Another name for this one.
    pub(crate) fn alias(name: &str) -> Self {
        Self { alias: Some(name.to_owned()), ..Self::default() }
    }

    fn next(&mut self, kind: u16) -> Vec<IpAddr> {
        let asked = self.asked.entry(kind).or_default();
        let answer = self.answers.get(*asked).or(self.answers.last()).cloned().unwrap_or_default();
        *asked += 1;
        answer.into_iter().filter(|address| address.is_ipv4() == (kind == A)).collect()
    }
}

/// A running name server.
#[derive(Clone)]
pub(crate) struct NameServer(Arc<Mutex<BTreeMap<String, Meaning>>>);

impl NameServer {
    /// Serves at an address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let (server, socket) = (Self(Arc::default()), UdpSocket::bind(address).unwrap());
        let names = server.clone();
        std::thread::spawn(move || {
            let mut question = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut question).unwrap();
                socket.send_to(&names.answer(&question[..length]), from).unwrap();
            }
        });
        server
    }

    /// Says from now on what a name stands for.
    pub(crate) fn set(&self, name: &str, meaning: Meaning) {
        self.0.lock().unwrap().insert(name.to_owned(), meaning);
    }

    /// Gives how often somebody asked for the IPv4 addresses of a name.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap()[name].asked.get(&A).copied().unwrap_or_default()
    }

    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let (mut name, mut at) = (Vec::new(), 12);
        while question[at] != 0 {
            let end = at + 1 + usize::from(question[at]);
            name.push(String::from_utf8_lossy(&question[at + 1..end]).to_lowercase());
            at = end;
        }
        let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
        let records = self.records(&name.join("."), kind);

        // The same number; an answer that is authoritative and recursive, and knows the name or does not.
        let mut answer = question[..2].to_vec();
        answer.extend([0x85, if records.is_some() { 0x80 } else { 0x83 }]);
        let records = records.unwrap_or_default();
        answer.extend([0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
        answer.extend(&question[12..at + 5]);
        answer.extend(records.concat());
        answer
    }

    fn records(&self, name: &str, kind: u16) -> Option<Vec<Vec<u8>>> {
        let mut names = self.0.lock().unwrap();
        let meaning = names.get_mut(name)?;
        let mut records = Vec::new();
        let (owner, addresses) = match meaning.alias.clone() {
            None => (name.to_owned(), meaning.next(kind)),
            Some(target) => {
                records.push(record(name, CNAME, &encoded(&target)));
                let addresses = names.get_mut(&target)?.next(kind);
                (target, addresses)
            }
        };
        for address in addresses {
            records.push(match address {
                IpAddr::V4(address) => record(&owner, A, &address.octets()),
                IpAddr::V6(address) => record(&owner, AAAA, &address.octets()),
            });
        }
        Some(records)
    }
}

/// A record that nobody may keep.
fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = encoded(name);
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 0]); // internet, zero seconds
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}
