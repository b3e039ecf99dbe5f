//! The first process inside: builds the file view, gives up every privilege, starts the program and reaps.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions};

use super::helper::{HELLO, pack};
use super::identity::{self, Who};
use super::line::Line;
use super::wire::{Message, Order};
use super::{During, Failure, REFUSED, exec, place, sys};
use crate::runner::layers::{Layer, Layers};

/// What the helper hands to the first process.
pub(super) struct First {
    pub(super) line: Line,
    pub(super) order: Order,
    pub(super) layers: Layers,
    pub(super) who: Who,
    pub(super) up: UnixStream,
}

/// The first process's whole life; the result is its exit code.
pub(super) fn main(mut first: First) -> i32 {
    match build(&mut first) {
        Ok(Some(place)) => become_program(first, place),
        Ok(None) => REFUSED,
        Err(failure) => {
            let _ = first.line.send(&failure.into(), &[]);
            REFUSED
        }
    }
}

/// `None` when the helper died meanwhile, or was told that there is no place.
fn build(first: &mut First) -> Result<Option<place::Place>, Failure> {
    die_with_parent()?;
    let groups = identity::groups_of(&first.order.devices);
    let Some(place) = place::build(&first.order, &first.who, &mut first.layers)? else {
        let missing = Message::Missing { layer: Layer::MountNamespace, layers: first.layers.clone() };
        let _ = first.line.send(&missing, &[]);
        return Ok(None);
    };
    identity::give_up_privileges(&first.who, &groups, &mut first.layers)?;
    // Changing the user clears the death signal. The greeting afterwards shows that the helper lived until then.
    die_with_parent()?;
    let mut hello = [HELLO];
    let greeted = first.up.write_all(&hello).and_then(|()| first.up.read_exact(&mut hello)).is_ok();
    Ok(greeted.then_some(place))
}

fn die_with_parent() -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).during("die with the helper")
}

fn become_program(first: First, place: place::Place) -> i32 {
    let First { line, order, layers, up, .. } = first;
    if !layers.is_active(Layer::PidNamespace) {
        drop(up);
        return exec::program(line, &order, layers, &place);
    }
    // The program has the same user: nothing of this process is its business. It undoes this for itself.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    match sys::fork() {
        Err(error) => {
            let failure = Message::Failed { step: "start the program".to_owned(), reason: super::errno(&error) };
            let _ = line.send(&failure, &[]);
            REFUSED
        }
        Ok(None) => {
            drop(up);
            exec::program(line, &order, layers, &place)
        }
        Ok(Some(program)) => {
            drop((line, place));
            reap(program, up)
        }
    }
}

/// Reaps until the program ends, relays its status and ends: with it ends everything in its namespace.
fn reap(program: Pid, mut up: UnixStream) -> i32 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                return i32::from(up.write_all(&pack(status).to_le_bytes()).is_err());
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return REFUSED,
        }
    }
}
