//! The commands that a client sends, as the driver's monitoring reports them.

use std::mem;
use std::sync::{Arc, Mutex};

use mongodb::bson::Document;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;

/// A command that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its name, such as `findAndModify`.
    pub name: String,
    /// The whole of it.
    pub command: Document,
}

/// What the clients of some options have sent.
#[derive(Clone, Debug, Default)]
pub struct Commands(Arc<Mutex<Vec<Sent>>>);

impl Commands {
    /// Records what clients made of `options` send from now on.
    pub fn watch(options: &mut ClientOptions) -> Self {
        let commands = Self::default();
        let sent = commands.clone();
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Started(event) = event {
                sent.0.lock().unwrap().push(Sent {
                    name: event.command_name,
                    command: event.command,
                });
            }
        }));
        commands
    }

    /// What was sent since this was last called.
    pub fn take(&self) -> Vec<Sent> {
        mem::take(&mut self.0.lock().unwrap())
    }
}
