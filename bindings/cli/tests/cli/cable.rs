//! A cable to an agent that holds its first connection in the middle.

use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A cable whose first connection carries so many bytes and no more, as long as `hold` lives.
pub(crate) struct Cable {
    pub(crate) address: String,
    /// Hears when the first connection has carried what it may.
    pub(crate) full: Receiver<()>,
    pub(crate) hold: Sender<()>,
}

/// Whom the one connection that is held tells, and what it waits for.
type Held = (Sender<()>, Receiver<()>);

/// Lays a cable whose first connection carries `most` bytes to the agent.
pub(crate) fn cable(agent: &str, most: u64) -> Cable {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, agent) = (listener.local_addr().unwrap().to_string(), agent.to_owned());
    let ((tell, full), (hold, let_go)) = (channel(), channel());
    thread::spawn(move || {
        let mut first = Some((tell, let_go));
        for client in listener.incoming() {
            if let Ok(agent) = TcpStream::connect(&agent) {
                carry(client.unwrap(), agent, first.take(), most);
            }
        }
    });
    Cable { address, full, hold }
}

/// Carries both ways; a connection that is held until it is let go.
fn carry(client: TcpStream, agent: TcpStream, held: Option<Held>, most: u64) {
    let (mut from, mut to) = (agent.try_clone().unwrap(), client.try_clone().unwrap());
    // Either side may go away at any time: that is what is tested.
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let most = if held.is_some() { most } else { u64::MAX };
        let _ = io::copy(&mut (&client).take(most), &mut &agent);
        if let Some((tell, held)) = held {
            let _ = tell.send(());
            let _ = held.recv();
        }
        let _ = agent.shutdown(Shutdown::Both);
    });
}
