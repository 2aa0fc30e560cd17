# Writes a page with every word once: make-page.sh WORDS SEEN. What earlier runs have seen lies in the directory SEEN.
set -eu
sort -u "$1" >> "$2/words"
echo "this cache has seen $(wc -l < "$2/words") words" >&2
echo '<ul>'
sort -u "$1" | while read -r word; do echo "  <li>$word</li>"; done
echo '</ul>'
