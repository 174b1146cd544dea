use std::time::Duration;

use crate::platform::clock::Timestamp;
use crate::platform::jobs::JobSettings;
use crate::platform::jobs::rules::{Fate, Mishap, Room, Standing, backoff, deal, is_suspects_turn};

#[test]
fn back_off_doubles_from_five_seconds_to_an_hour_and_spreads_by_a_fifth() {
    for (attempts, roll, millis) in [
        (0, 500, 5_000),
        (1, 500, 5_000),
        (1, 0, 4_000),
        (1, 1000, 6_000),
        (1, 9999, 6_000),
        (2, 500, 10_000),
        (3, 500, 20_000),
        (10, 500, 2_560_000),
        (11, 500, 3_600_000),
        (11, 0, 2_880_000),
        (i64::MAX, 1000, 4_320_000),
        (i64::MIN, 500, 5_000),
    ] {
        assert_eq!(backoff(attempts, roll), Duration::from_millis(millis), "{attempts} {roll}");
    }
}

#[test]
fn only_what_is_surely_the_jobs_own_fault_counts_against_it() {
    use Mishap::{LostLease as L, Panic as P, TimeLimit as T};
    let standing = |strikes, losses, is_alone| Standing { strikes, losses, is_alone };
    for (story, expected, fate) in [
        (&[][..], standing(0, 0, false), Fate::Run),
        (&[P, T], standing(2, 0, false), Fate::Run),
        (&[P, T, P], standing(3, 0, false), Fate::Hook),
        (&[L], standing(0, 1, false), Fate::Run),
        (&[L, L], standing(0, 2, true), Fate::Run),
        (&[L, L, L, L], standing(2, 2, true), Fate::Run),
        (&[L, L, L, L, L], standing(3, 2, true), Fate::Hook),
        (&[P, L, L, L, T], standing(3, 2, true), Fate::Hook),
        (&[P, P, L], standing(2, 1, false), Fate::Run),
        (&[P, P, P, P, P], standing(5, 0, false), Fate::Hook),
        (&[P, P, P, P, P, P], standing(6, 0, false), Fate::Hold),
        (&[L, L, L, L, L, L, L, L], standing(6, 2, true), Fate::Hold),
    ] {
        let standing = story.iter().fold(Standing::default(), |standing, mishap| standing.after(*mishap));

        assert_eq!((standing, standing.fate()), (expected, fate), "{story:?}");
    }
}

#[test]
fn suspects_and_others_take_turns() {
    let minute = Duration::from_mins(1);
    for (seconds, expected) in [(0, false), (59, false), (60, true), (119, true), (120, false), (180, true)] {
        let now = Timestamp::from_millis(seconds * 1000);
        assert_eq!(is_suspects_turn(Timestamp::from_millis(0), now, minute), expected, "{seconds}");
    }
}

#[test]
fn slots_are_dealt_in_turn() {
    for (rooms, free, last, expected, then) in [
        ("a4 b4", 1, "", "a1", "a"),
        ("a4 b4", 1, "a", "b1", "b"),
        ("a4 b4", 1, "b", "a1", "a"),
        ("a4 b4", 1, "x", "a1", "a"),
        ("a4 b4", 5, "", "a3 b2", "a"),
        ("a1 b4 c4", 6, "a", "b3 c2 a1", "b"),
        ("a1 b1", 64, "", "a1 b1", "b"),
        ("a4", 0, "z", "", "z"),
        ("", 5, "z", "", "z"),
    ] {
        let (dealt, next) = deal(read(rooms), free, last.to_owned());

        assert_eq!((dealt, next.as_str()), (read(expected), then), "{rooms} {free} {last}");
    }
}

fn read(rooms: &str) -> Vec<Room> {
    let room = |text: &str| Room { lane: text[..1].to_owned(), room: text[1..].parse().unwrap() };
    rooms.split_whitespace().map(room).collect()
}

#[test]
fn settings_are_written_in_milliseconds() {
    let read: JobSettings = toml::from_str("lease = 1500\nslots = 3").unwrap();

    let expected = JobSettings { lease: Duration::from_millis(1500), slots: 3, ..JobSettings::default() };
    assert_eq!(read, expected);
    assert_eq!(toml::from_str::<JobSettings>(&toml::to_string(&read).unwrap()).unwrap(), read);
}
