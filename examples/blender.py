"""A picture from a prompt on a plane of the scene, in Blender.

    blender --background --python blender.py -- MOUNT NAME "a prompt" OUT.blend

or, in Blender's text editor, import it and call picture_plane(). Blender waits
while the service works: for a list of pictures, write the prompts with O_NONBLOCK
first, as webhook.py does; load() waits for each.
"""
import os
import sys

import bpy


def generate(mount, name, prompt):
    """Raises OSError with what close() says."""
    with open(os.path.join(mount, "prompts", name), "w", encoding="utf-8") as file:
        file.write(prompt)
    return load(mount, name)


def load(mount, name):
    """The picture, packed: the .blend file does not need the mount."""
    image = bpy.data.images.load(os.path.join(mount, "images", name + ".png"))
    image.name = name
    image.pack()
    return image


def picture_plane(image):
    """A plane of the image's shape that shines with it, one unit high."""
    bpy.ops.mesh.primitive_plane_add(size=1)
    plane = bpy.context.object
    plane.scale.x = image.size[0] / image.size[1]
    material = bpy.data.materials.new(image.name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    shine = nodes.new("ShaderNodeEmission")
    output = nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(texture.outputs["Color"], shine.inputs["Color"])
    material.node_tree.links.new(shine.outputs["Emission"], output.inputs["Surface"])
    plane.data.materials.append(material)
    return plane


if __name__ == "__main__" and "--" in sys.argv:
    mount, name, prompt, out = sys.argv[sys.argv.index("--") + 1:]
    try:
        picture_plane(generate(mount, name, prompt))
    except OSError as error:
        sys.exit(f"{name}: {error.strerror}")
    bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath(out))
