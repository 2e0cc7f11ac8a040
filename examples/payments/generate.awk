# Makes stream.csv: two weeks of card payments, and a day after each what was found out about it. The same on every machine:
#
#     awk -f generate.awk < /dev/null > stream.csv
#
# Two frauds are planted. From day 4 to day 7 the terminal t07 copies cards, and payments there are mostly fraud. On days 5, 9 and 12
# a stolen card is tried with small payments at several terminals, then used for large ones.

function draw(below) {                     # a multiplicative generator that fits into a double (Park and Miller, 1988)
    seed = (seed * 16807) % 2147483647
    return int(seed / 2147483647 * below)
}
function at(second) {                      # seconds since 2026-03-02T00:00:00Z
    return sprintf("2026-03-%02dT%02d:%02d:%02dZ", 2 + int(second / 86400), int(second / 3600) % 24, int(second / 60) % 60, second % 60)
}
function pay(second, card, terminal, cents, fraud,    id) {
    id = sprintf("p%04d", ++count)
    rows[++lines] = sprintf("%08d payment,%s,%s,c%02d,t%02d,%d.%02d,,", second, at(second), id, card, terminal, int(cents / 100), cents % 100)
    if (second < 13 * 86400)               # what is found out later is not known yet
        rows[++lines] = sprintf("%08d label,%s,l%04d,c%02d,t%02d,,%s,%s", second + 86400, at(second + 86400), count, card, terminal, id, fraud ? "true" : "false")
}
BEGIN {
    seed = 20260302
    for (card = 1; card <= 40; card++) { usual[card] = 1000 + draw(7000); often[card] = 1 + draw(3) }
    for (day = 0; day < 14; day++) {
        for (card = 1; card <= 40; card++) {
            for (n = draw(2 * often[card]); n > 0; n--) {
                terminal = draw(9) == 0 ? 7 : 1 + (card * 7 + draw(5) * 3) % 24
                copied = terminal == 7 && day >= 4 && day <= 7 && draw(10) < 8
                pay(day * 86400 + 28800 + draw(46800), card, terminal, usual[card] / 2 + draw(usual[card]), copied)
            }
        }
        if (day == 5 || day == 9 || day == 12) {
            second = day * 86400 + 36000; card = day + 10
            for (n = 1; n <= 4; n++) pay(second + n * 150, card, 10 + n, 100 + draw(250), 1)
            for (n = 5; n <= 6; n++) pay(second + n * 150, card, 15 + n, usual[card] * 3.3 + draw(3000), 1)
        }
    }
    print "event,time,id,user,terminal,amount,payment,fraud"
    # Sorted by time (a heap would be shorter to run, and longer to read).
    for (i = 2; i <= lines; i++) {
        row = rows[i]
        for (j = i - 1; j >= 1 && substr(rows[j], 1, 8) > substr(row, 1, 8); j--) rows[j + 1] = rows[j]
        rows[j + 1] = row
    }
    for (i = 1; i <= lines; i++) print substr(rows[i], 10)
}
