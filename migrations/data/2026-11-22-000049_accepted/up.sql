-- What a service accepted since it last said what is free, without all it ever did.
CREATE INDEX referrals_accepted ON referrals (service_id, accepted_at, state);
