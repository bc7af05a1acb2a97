//! The clients' history: each request from its invocation to its answer.
//!
//! Not here: any judgement; see `checks`.

use std::collections::HashMap;

use wire::NodeName;

use crate::audit::{Record, What};

/// One request of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub client: NodeName,
    /// Under which number; a client that was launched again starts anew.
    pub number: u64,
    /// What was asked.
    pub body: String,
    /// When it was first sent.
    pub invoked: u64,
    /// When its first answer came, if one came.
    pub answered: Option<u64>,
    /// That answer.
    pub reply: Option<String>,
}

/// Pairs invocations and answers. The second part names answers without an open request.
#[must_use]
pub fn operations(records: &[Record]) -> (Vec<Operation>, Vec<String>) {
    let mut all: Vec<Operation> = Vec::new();
    let mut open: HashMap<(NodeName, u64), usize> = HashMap::new();
    let mut strays = Vec::new();
    for record in records {
        let client = record.who;
        match &record.what {
            What::Invoked { number, body } => {
                open.insert((client, *number), all.len());
                all.push(Operation {
                    client,
                    number: *number,
                    body: body.clone(),
                    invoked: record.at,
                    answered: None,
                    reply: None,
                });
            }
            What::Answered { number, body, server } => match open.remove(&(client, *number)) {
                Some(index) => {
                    all[index].answered = Some(record.at);
                    all[index].reply = Some(body.clone());
                }
                None => strays.push(format!(
                    "{client} took an answer of {server} to {number}, which was not open"
                )),
            },
            _ => {}
        }
    }
    (all, strays)
}
