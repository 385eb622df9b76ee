<?php
// phpseclib 3: sends 1,024 writes before it reads a reply.
declare(strict_types=1);

require '/usr/share/php/phpseclib3/autoload.php';

use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SFTP;

[, $host, $port, $user, $password, $keyfile, , $operation] = $argv;
$rest = array_slice($argv, 8);

function putTree(SFTP $sftp, string $local, string $remote): bool
{
    $ok = $sftp->mkdir($remote);
    foreach (array_diff(scandir($local), ['.', '..']) as $name) {
        $ok = $ok && (is_dir("$local/$name")
            ? putTree($sftp, "$local/$name", "$remote/$name")
            : $sftp->put("$remote/$name", "$local/$name", SFTP::SOURCE_LOCAL_FILE));
    }
    return $ok;
}

function getTree(SFTP $sftp, string $remote, string $local): bool
{
    $ok = mkdir($local);
    foreach ($sftp->rawlist($remote) as $name => $entry) {
        if ($name === '.' || $name === '..') {
            continue;
        }
        $ok = $ok && ($entry['type'] === NET_SFTP_TYPE_DIRECTORY
            ? getTree($sftp, "$remote/$name", "$local/$name")
            : $sftp->get("$remote/$name", "$local/$name"));
    }
    return $ok;
}

function listNames(SFTP $sftp, string $remote): bool
{
    $names = $sftp->nlist($remote);
    if ($names === false) {
        return false;
    }
    foreach (array_diff($names, ['.', '..']) as $name) {
        echo $name, "\n";
    }
    return true;
}

function preserve(SFTP $sftp, string $local, string $remote): bool
{
    $sftp->enableDatePreservation();
    return $sftp->put($remote, $local, SFTP::SOURCE_LOCAL_FILE);
}

$operations = [
    'put' => fn ($s, $local, $remote) => $s->put($remote, $local, SFTP::SOURCE_LOCAL_FILE),
    'put-preserve' => 'preserve',
    'get' => fn ($s, $remote, $local) => $s->get($remote, $local),
    'get-large' => fn ($s, $remote, $local) => $s->get($remote, $local),
    'put-tree' => 'putTree',
    'get-tree' => 'getTree',
    'ls' => 'listNames',
    'rename' => fn ($s, $from, $to) => $s->rename($from, $to),
    'replace' => fn ($s, $from, $to) => $s->rename($from, $to),
    'rm' => fn ($s, $remote) => $s->delete($remote, false),
    'mkdir' => fn ($s, $remote) => $s->mkdir($remote),
    'rmdir' => fn ($s, $remote) => $s->rmdir($remote),
    'append' => fn ($s, $whole, $remote, $length) =>
        $s->put($remote, $whole, SFTP::SOURCE_LOCAL_FILE | SFTP::RESUME, -1, (int) $length),
    'resume' => fn ($s, $whole, $remote) =>
        $s->put($remote, $whole, SFTP::SOURCE_LOCAL_FILE | SFTP::RESUME, -1, $s->filesize($remote)),
];

if (!isset($operations[$operation])) {
    exit(77);
}
$sftp = new SFTP($host, (int) $port, 60);
$identity = $keyfile === '-' ? $password : PublicKeyLoader::load(file_get_contents($keyfile));
if (!$sftp->login($user, $identity)) {
    fwrite(STDERR, "login refused\n");
    exit(1);
}
if (!$operations[$operation]($sftp, ...$rest)) {
    fwrite(STDERR, ($sftp->getLastSFTPError() ?: 'failed') . "\n");
    exit(1);
}
