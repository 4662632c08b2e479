//! The tables, as diesel sees them. Written to match `migrations/`; a test compares the two.

diesel::table! {
    staff (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        name -> Text,
        role -> Text,
        organisation_id -> Nullable<Text>,
        passphrase_hash -> Text,
        totp_secret -> Nullable<Binary>,
        totp_last_step -> BigInt,
        active -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        token_hash -> Text,
        staff_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        seen_at -> BigInt,
        locked_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    duties (staff_id) {
        staff_id -> Text,
        version -> Integer,
        duty -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    sign_in_delays (name_mac) {
        name_mac -> Text,
        failures -> Integer,
        wait_until -> BigInt,
    }
}

diesel::table! {
    steps (id) {
        id -> Text,
        position -> BigInt,
        subject_kind -> Text,
        subject_id -> Text,
        kind -> Text,
        at -> BigInt,
        actor_id -> Nullable<Text>,
        actor_role -> Text,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    trail (id) {
        id -> Text,
        position -> BigInt,
        at -> BigInt,
        actor_id -> Nullable<Text>,
        actor_name -> Nullable<Text>,
        actor_role -> Text,
        action -> Text,
        subject_kind -> Text,
        subject -> Text,
        reason -> Nullable<Text>,
        outcome -> Text,
        request_id -> Text,
    }
}

diesel::table! {
    idempotency (key_mac) {
        key_mac -> Text,
        body_mac -> Text,
        status -> Integer,
        subject_id -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    leases (name) {
        name -> Text,
        holder -> Text,
        until -> BigInt,
        fence -> BigInt,
    }
}

diesel::table! {
    house (name) {
        name -> Text,
        value -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    rule_sets (sha256) {
        sha256 -> Text,
        pack_id -> Text,
        pack_version -> Text,
        source -> Text,
        loaded_at -> BigInt,
    }
}

diesel::table! {
    publications (id) {
        id -> Text,
        reference -> Text,
        sha256 -> Text,
        proposed_at -> BigInt,
        first_by -> Nullable<Text>,
        first_at -> Nullable<BigInt>,
        second_by -> Nullable<Text>,
        second_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    areas (code) {
        code -> Text,
        kind -> Text,
        parent -> Nullable<Text>,
        name_tk -> Text,
        name_ru -> Text,
        name_en -> Text,
        valid_from -> Text,
        valid_to -> Nullable<Text>,
    }
}

diesel::table! {
    organisations (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        kind -> Text,
        names -> Text,
        status -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    services (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        organisation_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        names -> Text,
        descriptions -> Text,
        status -> Text,
        location_area -> Nullable<Text>,
        location_confidential -> Bool,
        hours -> Text,
        languages -> Text,
        eligibility -> Text,
        access -> Text,
        stock -> Text,
        capacity_unit -> Nullable<Text>,
        capacity_unlimited -> Bool,
        capacity_available -> Integer,
        capacity_maximum -> Integer,
        capacity_stated_at -> BigInt,
        duty_to_report -> Bool,
        preference -> Integer,
        focal_points -> Text,
        phone -> Nullable<Text>,
        letter_language -> Text,
        partner_code_mac -> Nullable<Text>,
        verified_at -> Nullable<BigInt>,
        updated_at -> BigInt,
        phone_wanted -> Nullable<Text>,
        phone_wanted_by -> Nullable<Text>,
        partner_code_wanted_by -> Nullable<Text>,
    }
}

diesel::table! {
    service_areas (service_id, area) {
        service_id -> Text,
        area -> Text,
    }
}

diesel::table! {
    endpoints (id) {
        id -> Text,
        service_id -> Text,
        position -> Integer,
        channel -> Text,
        address -> Text,
        status -> Text,
        proposed_by -> Nullable<Text>,
        updated_at -> BigInt,
    }
}

diesel::table! {
    hsds_ids (hsds_id) {
        hsds_id -> Text,
        subject_id -> Text,
    }
}

diesel::table! {
    cases (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        status -> Text,
        close_reason -> Nullable<Text>,
        level -> Nullable<Text>,
        opened_by -> Text,
        opened_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        updated_at -> BigInt,
        code_word_index -> Nullable<Text>,
        key_id -> Text,
        document -> Binary,
        level_from -> Nullable<Text>,
        merged_into -> Nullable<Text>,
    }
}

diesel::table! {
    case_phones (case_id, phone_index) {
        case_id -> Text,
        phone_index -> Text,
    }
}

diesel::table! {
    blocked_parties (id) {
        id -> Text,
        case_id -> Text,
        party_kind -> Text,
        party_id -> Text,
        at -> BigInt,
        recorded_by -> Text,
    }
}

diesel::table! {
    consents (id) {
        id -> Text,
        reference -> Text,
        case_id -> Text,
        contact_id -> Nullable<Text>,
        scope -> Text,
        service_id -> Nullable<Text>,
        given -> Bool,
        given_by -> Text,
        how -> Text,
        fields -> Text,
        recorded_by -> Text,
        at -> BigInt,
        expires_at -> Nullable<BigInt>,
        withdrawn_at -> Nullable<BigInt>,
        reason -> Nullable<Binary>,
    }
}

diesel::table! {
    contacts (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        status -> Text,
        kind -> Text,
        channel -> Text,
        direction -> Text,
        level -> Nullable<Text>,
        operator_id -> Text,
        case_id -> Nullable<Text>,
        opened_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        queued_at -> Nullable<BigInt>,
        answered_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        updated_at -> BigInt,
        rejoin_index -> Nullable<Text>,
        key_id -> Text,
        narrative_key_id -> Nullable<Text>,
        document -> Binary,
        narrative -> Nullable<Binary>,
        override_id -> Nullable<Text>,
    }
}

diesel::table! {
    assessments (id) {
        id -> Text,
        contact_id -> Text,
        contact_version -> Integer,
        level -> Text,
        rule_set -> Text,
        at -> BigInt,
        document -> Binary,
    }
}

diesel::table! {
    revisions (id) {
        id -> Text,
        contact_id -> Text,
        version -> Integer,
        reason -> Text,
        recorded_by -> Text,
        at -> BigInt,
        document -> Binary,
    }
}

diesel::table! {
    overrides (id) {
        id -> Text,
        contact_id -> Text,
        level -> Text,
        rules_level -> Text,
        level_before -> Text,
        state -> Text,
        previous_id -> Nullable<Text>,
        set_by -> Text,
        at -> BigInt,
        document -> Binary,
    }
}

diesel::table! {
    emergency_calls (id) {
        id -> Text,
        contact_id -> Text,
        called -> Text,
        agreed -> Bool,
        at -> BigInt,
        recorded_by -> Text,
        recorded_at -> BigInt,
        document -> Binary,
        place_key_id -> Nullable<Text>,
        place -> Nullable<Binary>,
    }
}

diesel::table! {
    contact_links (contact_id, other_id) {
        contact_id -> Text,
        other_id -> Text,
        at -> BigInt,
        linked_by -> Text,
    }
}

diesel::table! {
    contact_facts (contact_id) {
        contact_id -> Text,
        day -> BigInt,
        status -> Text,
        kind -> Text,
        channel -> Text,
        language -> Nullable<Text>,
        caller_role -> Text,
        level -> Nullable<Text>,
        age_band -> Text,
        sex -> Text,
        province -> Nullable<Text>,
        district -> Nullable<Text>,
        gbv_type -> Nullable<Text>,
        contexts -> Text,
        elapsed_band -> Nullable<Text>,
        reported_elsewhere -> Nullable<Text>,
        reported_by_survivor -> Nullable<Bool>,
        wishes -> Text,
    }
}

diesel::table! {
    tickets (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        state -> Text,
        contact_id -> Text,
        case_id -> Text,
        level -> Text,
        care_by -> Nullable<BigInt>,
        area -> Nullable<Text>,
        language -> Nullable<Text>,
        issued_by -> Text,
        issued_at -> BigInt,
        claim_due -> BigInt,
        claimed_by -> Nullable<Text>,
        claimed_at -> Nullable<BigInt>,
        claim_until -> Nullable<BigInt>,
        closed_at -> Nullable<BigInt>,
        close_reason -> Nullable<Text>,
        queue_place -> Integer,
        queue_due -> BigInt,
        queue_needs -> Text,
        queue_waits -> Bool,
        queue_unroutable -> Bool,
    }
}

diesel::table! {
    ticket_notes (id) {
        id -> Text,
        ticket_id -> Text,
        at -> BigInt,
        written_by -> Text,
        document -> Binary,
    }
}

diesel::table! {
    referrals (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        ticket_id -> Text,
        need -> Text,
        state -> Text,
        unroutable -> Bool,
        level -> Text,
        service_id -> Text,
        hop -> Integer,
        issued_at -> BigInt,
        accept_due -> BigInt,
        start_due -> BigInt,
        accepted_at -> Nullable<BigInt>,
        told_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        help_confirmed -> Nullable<Bool>,
        ladder_from -> Nullable<BigInt>,
        ladder_rung -> Nullable<Integer>,
        ladder_due -> Nullable<BigInt>,
    }
}

diesel::table! {
    referral_hops (referral_id, position) {
        referral_id -> Text,
        position -> Integer,
        service_id -> Text,
        consent_id -> Text,
        fields -> Text,
        partner_reference -> Text,
        arrival_word -> Text,
        asked_at -> Nullable<BigInt>,
        left_at -> Nullable<BigInt>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    notifications (id) {
        id -> Text,
        reference -> Text,
        referral_id -> Nullable<Text>,
        service_id -> Nullable<Text>,
        endpoint_id -> Text,
        partner -> Text,
        channel -> Text,
        address -> Text,
        kind -> Text,
        revision -> Integer,
        urgent -> Bool,
        letter -> Text,
        state -> Text,
        attempts -> Integer,
        tries -> Integer,
        last_class -> Nullable<Text>,
        not_before -> BigInt,
        lease_holder -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        fence -> BigInt,
        created_at -> BigInt,
        give_up_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        code_failures -> Integer,
        case_id -> Nullable<Text>,
    }
}

diesel::table! {
    attempts (id) {
        id -> Text,
        notification_id -> Text,
        number -> Integer,
        started_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        class -> Text,
        cause -> Nullable<Text>,
    }
}

diesel::table! {
    partner_views (token_hash) {
        token_hash -> Text,
        notification_id -> Text,
        opened_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    tasks (id) {
        id -> Text,
        reference -> Text,
        version -> Integer,
        kind -> Text,
        case_id -> Nullable<Text>,
        ticket_id -> Nullable<Text>,
        referral_id -> Nullable<Text>,
        service_id -> Nullable<Text>,
        level -> Nullable<Text>,
        due -> BigInt,
        state -> Text,
        outcome -> Nullable<Text>,
        done_by -> Nullable<Text>,
        done_at -> Nullable<BigInt>,
        created_at -> BigInt,
        not_before -> Nullable<BigInt>,
        notification_id -> Nullable<Text>,
        made_by -> Nullable<Text>,
        outside_at -> Nullable<BigInt>,
        outside_reason -> Nullable<Binary>,
    }
}

diesel::table! {
    reviews (id) {
        id -> Text,
        reference -> Text,
        kind -> Text,
        subject_id -> Text,
        level -> Text,
        proposed -> Text,
        state -> Text,
        opened_by -> Nullable<Text>,
        opened_at -> BigInt,
        due -> BigInt,
        decided_by -> Nullable<Text>,
        decided_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    handovers (id) {
        id -> Text,
        reference -> Text,
        taken_by -> Text,
        taken_at -> BigInt,
        items -> Text,
    }
}

diesel::table! {
    feedback (id) {
        id -> Text,
        referral_id -> Text,
        service_id -> Text,
        received -> Text,
        safe -> Text,
        would_call_again -> Text,
        recorded_by -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    complaints (id) {
        id -> Text,
        reference -> Text,
        kind -> Text,
        about -> Text,
        about_id -> Nullable<Text>,
        case_id -> Nullable<Text>,
        referral_id -> Nullable<Text>,
        made_by -> Text,
        at -> BigInt,
        key_id -> Text,
        document -> Binary,
    }
}

diesel::table! {
    data_keys (id) {
        id -> Text,
        version -> Integer,
        sealed -> Binary,
        minted_at -> BigInt,
    }
}

diesel::table! {
    tombstones (id) {
        id -> Text,
        destroyed_at -> BigInt,
    }
}

diesel::joinable!(sessions -> staff (staff_id));
diesel::joinable!(duties -> staff (staff_id));
diesel::joinable!(services -> organisations (organisation_id));
diesel::joinable!(service_areas -> services (service_id));
diesel::joinable!(endpoints -> services (service_id));
diesel::joinable!(tickets -> contacts (contact_id));
diesel::joinable!(referrals -> tickets (ticket_id));
diesel::joinable!(referrals -> services (service_id));
diesel::joinable!(referral_hops -> referrals (referral_id));
diesel::joinable!(referral_hops -> services (service_id));
diesel::joinable!(attempts -> notifications (notification_id));
diesel::joinable!(contact_facts -> contacts (contact_id));
diesel::allow_columns_to_appear_in_same_group_by_clause!(tickets::area, referrals::need);
diesel::allow_tables_to_appear_in_same_query!(
    staff,
    sessions,
    duties,
    sign_in_delays,
    steps,
    trail,
    idempotency,
    leases,
    house,
    rule_sets,
    publications,
    areas,
    organisations,
    services,
    service_areas,
    endpoints,
    hsds_ids,
    cases,
    case_phones,
    blocked_parties,
    consents,
    contacts,
    assessments,
    revisions,
    overrides,
    emergency_calls,
    contact_links,
    contact_facts,
    tickets,
    ticket_notes,
    referrals,
    referral_hops,
    notifications,
    attempts,
    partner_views,
    tasks,
    reviews,
    handovers,
    feedback,
    complaints,
);
