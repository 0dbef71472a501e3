def log = new File(basedir, 'build.log').text
assert log.contains('consumer ran on the class path')
assert log.contains('consumer ran on the module path')
assert log.count('last pixel 42') == 2
assert log.contains('refs ')
// The example in the README is this one.
def example = new File(basedir, 'src/main/java/consumer/Thumbnail.java').text.replace('package consumer;\n\n', '')
assert new File(basedir, '../../../../README.md').text.contains(example)
return true
