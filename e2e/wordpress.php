<?php
// Sets WordPress up as its own installer does, with an author and application passwords for its REST API; prints
// those. Asked with the folder and the address of the site.
[, $folder, $url] = $argv;
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT);
$_SERVER['REQUEST_URI'] = '/';
require "$folder/wp-load.php";
require ABSPATH . 'wp-admin/includes/upgrade.php';
$made = wp_install('Acme news', 'bo', 'bo@acme.example', true, '', 'a password of a test');
update_option('permalink_structure', '/%postname%/');
update_option('timezone_string', 'America/New_York');
update_option('comment_moderation', 0);
update_option('comment_previously_approved', 0);
flush_rewrite_rules(false);
$ann = wp_insert_user([
    'user_login' => 'ann', 'user_email' => 'ann@acme.example', 'user_pass' => 'a password of a test',
    'role' => 'subscriber', 'display_name' => 'Ann',
]);
$passwords = [];
foreach (['bo' => $made['user_id'], 'ann' => $ann] as $name => $id) {
    [$password] = WP_Application_Passwords::create_new_application_password($id, ['name' => 'e2e']);
    $passwords[$name] = $password;
}
echo json_encode(['version' => $GLOBALS['wp_version'], 'passwords' => $passwords]);
