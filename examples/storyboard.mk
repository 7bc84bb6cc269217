# A storyboard by make: shots written down as text become frames, a contact sheet
# and a film.
#
#     make -f storyboard.mk -j 32                    the frames
#     make -f storyboard.mk -j 32 sheet.jpg          ImageMagick's montage of them
#     make -f storyboard.mk -j 32 film.mp4           ffmpeg's slide show of them
#
# shots/010-door.txt becomes frames/010-door.png, where the text is newer than the
# picture. A shot that fails fails its target, and only that (-k goes on with the
# others); the next make tries it again.
MOUNT ?= /mnt/seed
# The folder of the mount: two storyboards may have a shot of the same name.
BOARD ?= $(notdir $(CURDIR))
# How long the film shows a shot.
SECONDS ?= 2
# The names on the contact sheet; montage -list font names those that there are.
FONT ?= DejaVu-Sans

SHOTS := $(sort $(wildcard shots/*.txt))
FRAMES := $(SHOTS:shots/%.txt=frames/%.png)

frames: $(FRAMES)

# cp waits, and fails with the reason; the picture is there when it has not.
frames/%.png: shots/%.txt
	@mkdir -p frames $(MOUNT)/prompts/$(BOARD)
	cp $< $(MOUNT)/prompts/$(BOARD)/$*
	install -m 644 $(MOUNT)/images/$(BOARD)/$*.png $@

sheet.jpg: $(FRAMES)
	montage -font $(FONT) -label '%t' $^ -tile 4x -geometry 480x270+8+8 $@

film.mp4: $(FRAMES)
	cat $^ | ffmpeg -loglevel error -y -f image2pipe -framerate 1/$(SECONDS) -i - -r 25 -pix_fmt yuv420p $@

.PHONY: frames
.DELETE_ON_ERROR:
