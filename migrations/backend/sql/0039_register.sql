-- The register of processing says what is true since consents, retention and copies take effect.
UPDATE privacy.processing SET retention = 'as the rules report, report_words, report_files; what is no rule''s is kept as the city''s papers'
WHERE code = 'report';
UPDATE privacy.processing SET retention = 'until the person takes it away, the account is deleted, or the rule contact' WHERE code = 'contact';
UPDATE privacy.processing SET retention = 'until consent is withdrawn, sign-out, a dead token, or 270 days without renewal' WHERE code = 'push';
UPDATE privacy.processing SET retention = 'records are kept as proof; words as the rule request_words, or until the account is deleted'
WHERE code = 'privacy';
INSERT INTO privacy.processing (code, purpose_vi, purpose_en, basis, data, retention, recipients, transfer) VALUES
  ('notice', 'Thông báo trong ứng dụng', 'Notices in the app', 'public task; the person''s own reports',
   'that something happened to which report, when, read or not', 'as the rule notice', 'the person', NULL),
  ('device', 'Thiết bị và phiên đăng nhập', 'Devices and sessions', 'public task; security of the account',
   'name, app, platform, kind of network, moments of use', 'until the account is deleted', 'the person', NULL),
  ('block', 'Chặn người gửi lạm dụng', 'Blocking of senders who abuse reports', 'public task',
   'reason, words, appeal, decision', 'reason and term stay; words as the rule block_words', 'heads of units, the city''s operators', NULL),
  ('follow', 'Theo dõi phản ánh', 'Following a report', 'the person''s own wish', 'which report, since when', 'until unfollowed or the account is deleted', 'the person', NULL),
  ('data_copy', 'Bản sao dữ liệu cho người dân', 'Copies of the person''s data', 'Law 91/2025/QH15', 'everything named here but contacts and the log',
   '24 hours, or until it is fetched', 'the person', NULL);
