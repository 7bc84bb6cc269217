#!/usr/bin/env ruby
# Generates images from Ruby.
#
#     examples/ruby.rb MOUNT NAME "a prompt" [NAME "a prompt"]…
#
# File.write closes the file and raises what close() says: Errno::EPERM,
# Errno::EDQUOT, Errno::EBADMSG …. A thread that waits lets the others run.

def generate(mount, name, prompt)
  File.write(File.join(mount, 'prompts', name), prompt)
  File.join(mount, 'images', "#{name}.png")
end

mount, *pairs = ARGV
abort "usage: #{$PROGRAM_NAME} MOUNT NAME PROMPT [NAME PROMPT]…" if pairs.empty? || pairs.size.odd?

failed = pairs.each_slice(2).map do |name, prompt|
  Thread.new do
    puts generate(mount, name, prompt)
    false
  rescue SystemCallError => e
    warn "#{name}: #{e.message}"
    true
  end
end.map(&:value)
exit failed.none?
