DROP TABLE hsds_ids;
