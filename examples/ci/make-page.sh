# Writes a page with every word once: make-page.sh WORDS SEEN. What earlier runs have seen lies in the directory SEEN.
set -eu
echo "made for $(wc -l < "$1") words" >> "$2/log"
echo '<ul>'
sort -u "$1" | while read -r word; do echo "  <li>$word</li>"; done
echo '</ul>'
