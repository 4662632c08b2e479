DROP TABLE tombstones;
DROP TABLE data_keys;
