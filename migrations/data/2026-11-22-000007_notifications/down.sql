DROP TABLE partner_views;
DROP TABLE attempts;
DROP TABLE notifications;
