# Completion of seedfs for fish. The options are those of `seedfs -h`.

function __seedfs_options
    set -l word (commandline -ct)
    set -l head (string match -r '^.*,' -- $word)
    set -l last (string replace -r '^.*,' '' -- $word)
    if string match -q '*=*' -- $last
        set -l name (string replace -r '=.*' '' -- $last)
        set -l kind (seedfs -h | string replace -rf "^    $name=(\S+) .*" '$1')
        switch $name:$kind
            case 'provider:*'
                printf "$head$name=%s\n" (seedfs -h | string replace -rf '^    provider=[^:]*: (.*) \[.*' '$1' | string split ', ')
            case '*:PATH'
                printf "$head$name=%s\n" (__fish_complete_path (string replace -r '^[^=]*=' '' -- $last) | string replace -r '\t.*' '')
            case '*:DIR'
                printf "$head$name=%s\n" (__fish_complete_directories (string replace -r '^[^=]*=' '' -- $last) | string replace -r '\t.*' '')
            case '*:USER'
                printf "$head$name=%s\n" (__fish_complete_users | string replace -r '\t.*' '')
            case '*:GROUP'
                printf "$head$name=%s\n" (__fish_complete_groups | string replace -r '\t.*' '')
            case '*:wait|fail'
                printf "$head$name=%s\n" wait fail
        end
    else
        printf "$head%s\n" (seedfs -h | string replace -rf '^    ([a-z][a-z0-9_]*=?)\S* +(.*)' '$1\t$2')
    end
end

complete -c seedfs -f -a '(__fish_complete_directories)'
complete -c seedfs -s o -x -a '(__seedfs_options)' -d 'Options of the mount'
complete -c seedfs -l hand-over -d 'Mount for a unit in a sandbox, and end'
complete -c seedfs -s d -d "With libfuse's debug output"
complete -c seedfs -s f -d 'In the foreground'
complete -c seedfs -s h -l help -d 'Help'
complete -c seedfs -s s -d 'Single-threaded'
complete -c seedfs -s V -l version -d 'The version'
complete -c seedfs -l check -d 'Look at what a mount needs; mounts nothing'
complete -c seedfs -l adopt -d 'Copy the state directory into the bucket of store='
