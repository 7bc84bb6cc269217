#!/usr/bin/perl
# Generates one image from Perl.
#
#     examples/perl.pl MOUNT NAME "a prompt"
#
# close() returns false when the image did not come; $! is the reason.
use strict;
use warnings;
use Errno qw(EPERM EDQUOT);

@ARGV == 3 or die "usage: $0 MOUNT NAME PROMPT\n";
my ($mount, $name, $prompt) = @ARGV;

open my $file, '>', "$mount/prompts/$name" or die "$name: $!\n";
print $file "$prompt\n" or die "$name: $!\n";
if (!close $file) {
    die "$name: refused by the content policy; change the prompt\n" if $! == EPERM;
    die "$name: out of credits, or over the budget\n" if $! == EDQUOT;
    die "$name: $!\n";
}
print "$mount/images/$name.png\n";
