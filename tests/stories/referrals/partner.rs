//! What a partner sees through a link, and what it never sees.

use actix_web::body::to_bytes;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use goldaw::notifications::{self, Notification};
use goldaw::referrals::model::Referral;
use goldaw::referrals::moves::Order;
use goldaw::referrals::partner;
use goldaw::referrals::states::{CancelReason, State};

use super::{Desk, FIELDS, needs};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    opening_the_link_changes_nothing_and_tells_nothing_about_her,
    pressing_seen_twice_is_seen_once,
    the_code_opens_exactly_what_she_agreed_to_on_one_device,
    five_wrong_codes_lock_the_link_for_the_right_one_too,
    every_link_that_leads_nowhere_is_the_same_page,
    a_form_from_another_site_is_refused,
];

const CODE: &str = "4711-narpyz";

struct Answer {
    status: u16,
    body: String,
    cookie: Option<String>,
    policy: String,
}

struct Link<'a> {
    desk: &'a Desk<'a>,
    token: String,
}

impl Link<'_> {
    fn to<'a>(desk: &'a Desk<'a>, referral: &Referral) -> Link<'a> {
        let letter: Notification = desk.letters(referral).pop().unwrap();
        let vault = &desk.hotline.vault;
        let mac = partner::code_mac(vault, &desk.first.id, CODE);
        let service = desk.first.id.clone();
        desk.write(&desk.coordinator, move |tx| goldaw::directory::set_partner_code(tx, &service, &mac)).unwrap();
        Link { desk, token: notifications::token(vault, &letter) }
    }

    fn get(&self, cookie: Option<&str>) -> Answer {
        self.ask(TestRequest::get().uri(&format!("/p/{}", self.token)), cookie)
    }

    fn press(&self, action: &str, form: &str, cookie: Option<&str>) -> Answer {
        let request = TestRequest::post()
            .uri(&format!("/p/{}/{action}", self.token))
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .insert_header(("sec-fetch-site", "same-origin"))
            .set_payload(form.to_owned());
        self.ask(request, cookie)
    }

    fn ask(&self, request: TestRequest, cookie: Option<&str>) -> Answer {
        let request = match cookie {
            Some(cookie) => request.insert_header(("cookie", cookie)),
            None => request,
        };
        let (app, areas) = (Data::new(self.desk.hotline.app()), Data::new(self.desk.areas.clone()));
        actix_web::rt::System::new().block_on(async move {
            let server = actix_web::App::new().app_data(app).app_data(areas);
            let server = init_service(server.configure(|config| partner::api::routes().mount(config))).await;
            let answer = call_service(&server, request.to_request()).await;
            let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let (cookie, policy) = (header("set-cookie"), header("content-security-policy").unwrap_or_default());
            let status = answer.status().as_u16();
            let body = String::from_utf8(to_bytes(answer.into_body()).await.unwrap().to_vec()).unwrap();
            Answer { status, body, cookie: cookie.map(|set| set.split(';').next().unwrap().to_owned()), policy }
        })
    }
}

fn opening_the_link_changes_nothing_and_tells_nothing_about_her(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let link = Link::to(&desk, &referral);
    let before = (hotline.count("steps"), hotline.count("trail"));
    let page = link.get(None);
    assert_eq!(page.status, 200);
    assert_eq!((hotline.count("steps"), hotline.count("trail")), before);
    assert_eq!(desk.referral(&referral).state, State::Requested);
    assert!(page.body.contains(&desk.hops(&referral)[0].partner_reference) && page.body.contains("Immediately"));
    assert!(
        page.policy.contains("default-src 'none'") && !page.body.contains("<script") && !page.body.contains("style=")
    );
    for word in ["26–40", "children", "safe place", "Bay", "First", &referral.reference] {
        assert!(!page.body.contains(word), "{word}");
    }
}

fn pressing_seen_twice_is_seen_once(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let link = Link::to(&desk, &referral);
    for _ in 0..2 {
        assert_eq!(link.press("acknowledge", "", None).status, 303);
    }
    assert_eq!(desk.referral(&referral).state, State::Received);
    assert_eq!(desk.steps(&referral.id).iter().filter(|kind| *kind == "received").count(), 1);
}

fn the_code_opens_exactly_what_she_agreed_to_on_one_device(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let link = Link::to(&desk, &referral);
    assert_eq!(link.press("accept", "", None).status, 303, "without the code it only leads back");
    assert_eq!(desk.referral(&referral).state, State::Requested);
    let cookie = link.press("code", &format!("code={CODE}"), None).cookie.unwrap();
    let page = link.get(Some(&cookie)).body;
    for shown in ["A safe place to stay", "26–40", "Children coming along", "Do not phone"] {
        assert!(page.contains(shown), "{shown}");
    }
    for hidden in ["Female", "Turkmen<", "District", "Province", "strangled", &referral.reference] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    assert_eq!(link.press("accept", "", Some(&cookie)).status, 303);
    assert_eq!(desk.referral(&referral).state, State::Accepted);
    assert!(link.get(Some(&cookie)).body.contains(&desk.hops(&referral)[0].arrival_word));
    let newer = link.press("code", &format!("code={CODE}"), None).cookie.unwrap();
    assert!(!link.get(Some(&cookie)).body.contains("26–40"), "the first device is out");
    for action in ["told", "start", "complete"] {
        assert_eq!(link.press(action, "", Some(&newer)).status, 303, "{action}");
    }
    let done = desk.referral(&referral);
    assert_eq!((done.state, done.help_confirmed), (State::Completed, None));
    assert!(!link.get(Some(&newer)).body.contains("26–40"), "when it is over nothing is shown");
}

fn five_wrong_codes_lock_the_link_for_the_right_one_too(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let link = Link::to(&desk, &referral);
    for left in (0..5).rev() {
        let page = link.press("code", "code=wrong", None);
        assert_eq!(page.status, 422);
        assert_eq!(page.body.contains(&format!("Tries left: {left}")), left > 0);
    }
    let locked = link.press("code", &format!("code={CODE}"), None);
    assert_eq!((locked.status, locked.cookie), (409, None));
    assert!(locked.body.contains("Too many tries"));
    assert_eq!(hotline.count("partner_views"), 0);
}

fn every_link_that_leads_nowhere_is_the_same_page(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let mut link = Link::to(&desk, &referral);
    let cookie = link.press("code", &format!("code={CODE}"), None).cookie.unwrap();
    desk.mv(&desk.coordinator, &referral, &Order::Cancel(CancelReason::ConsentWithdrawn)).unwrap();
    let cancelled = link.get(Some(&cookie));
    link.token = "n7k4m9qx2pdh00000000000000000000000000000000".to_owned();
    let unknown = link.get(None);
    let id = desk.issue(&desk.call(), &needs("safe_house", &[&desk.first], FIELDS)).unwrap();
    let other = desk.read(|db| goldaw::referrals::model::referrals_of(db, &id)).remove(0);
    let link = Link::to(&desk, &other);
    assert_eq!(link.get(None).status, 200);
    hotline.wait(72 * goldaw::clock::HOUR);
    let expired = link.get(None);
    for page in [&cancelled, &unknown, &expired] {
        assert_eq!((page.status, &page.body), (404, &unknown.body));
    }
}

fn a_form_from_another_site_is_refused(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let link = Link::to(&desk, &referral);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")] {
        let request = TestRequest::post().uri(&format!("/p/{}/acknowledge", link.token)).insert_header((name, value));
        assert_eq!(link.ask(request, None).status, 403, "{name}");
    }
    assert_eq!(desk.referral(&referral).state, State::Requested);
}
