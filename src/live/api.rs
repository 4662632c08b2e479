//! `GET /events`.

use actix_web::web::Data;

use super::{Feed, Streams};
use crate::access::{Filtered, Flow, Listen, Permit, Routes};
use crate::error::Result;
use crate::state::App;

/// The address of what happens.
pub fn routes() -> Routes {
    Routes::at("/events").get("", listen, "What happens now, as server-sent events: references and kinds")
}

async fn listen(
    may: Permit<Listen>,
    _: Filtered<()>,
    app: Data<App>,
    (feed, streams): (Data<Feed>, Data<Streams>),
) -> Result<Flow> {
    Ok(Flow::of(streams.open(&app, &feed, may.clone()).await?))
}
