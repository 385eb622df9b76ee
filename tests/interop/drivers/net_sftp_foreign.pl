# Perl's Net::SFTP::Foreign, which starts OpenSSH's ssh.
use strict;
use warnings;
use Encode qw(decode);
use Net::SFTP::Foreign;

my ($host, $port, $user, $password, $keyfile, $workdir, $operation, @rest) =
    map { decode('UTF-8', $_) } @ARGV;
binmode STDOUT, ':encoding(UTF-8)';

my @options = ('-F', 'none');
for my $option (
    'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null',
    'GlobalKnownHostsFile=/dev/null', 'LogLevel=ERROR',
    'PreferredAuthentications=publickey', 'IdentitiesOnly=yes',
) {
    push @options, '-o', $option;
}

my %operations = (
    put        => sub { $_[0]->put($_[1], $_[2]) },
    get        => sub { $_[0]->get($_[1], $_[2]) },
    'get-large' => sub { $_[0]->get($_[1], $_[2]) },
    'put-tree' => sub { my ($s, $l, $r) = @_; $s->rput($l, $r, on_error => \&fail) },
    'get-tree' => sub { my ($s, $r, $l) = @_; $s->rget($r, $l, on_error => \&fail) },
    ls => sub {
        my $names = $_[0]->ls($_[1], names_only => 1, no_wanted => qr/^\.\.?$/) or return;
        print "$_\n" for @$names;
        1;
    },
    rename  => sub { $_[0]->rename($_[1], $_[2]) },
    replace => sub { $_[0]->rename($_[1], $_[2], overwrite => 1) },
    rm      => sub { $_[0]->remove($_[1]) },
    mkdir   => sub { $_[0]->mkdir($_[1]) },
    rmdir   => sub { $_[0]->rmdir($_[1]) },
    append  => sub { $_[0]->put($_[1], $_[2], resume => 1) },
    resume  => sub { $_[0]->put($_[1], $_[2], resume => 1) },
    'put-preserve' => sub { $_[0]->put($_[1], $_[2], copy_time => 1) },
);

sub fail {
    my ($sftp, $entry) = @_;
    die "$entry->{filename}: " . $sftp->error . "\n";
}

my $run = $operations{$operation} or exit 77;
exit 77 if $keyfile eq '-';
my $sftp = Net::SFTP::Foreign->new(
    $host, port => $port, user => $user, key_path => $keyfile, timeout => 60, more => \@options,
);
$sftp->die_on_error("connect");
$run->($sftp, @rest) or die $sftp->error . "\n";
$sftp->die_on_error($operation);
