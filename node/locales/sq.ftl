# Çdo fjalë e faqeve, në shqip.

## Në çdo faqe
site-tagline = Mësime që udhëtojnë nga pajisja në pajisje
skip-to-content = Kalo te përmbajtja
nav-label = Faqet
nav-lessons = Mësimet
nav-device = Kjo pajisje
languages = Gjuha
search-label = Kërko mësime
search-hint = Thyesat, bimët, foljet…
search-action = Kërko
footer-note = Punon pa internet, pa reklama dhe pa përgjim.

## Kush po mëson
learner-who = Kush po mëson?
learner-why = Emri yt del nga kjo pajisje vetëm i vulosur: askush përveç shkollës sate dhe ministrisë nuk mund ta lexojë.
learner-name = Emri yt
learner-start = Fillo
learner-skip = Jo tani
learner-guest = Mysafir
learner-forget = Hiqe: { $name }

## Listat e mësimeve
home-heading = Çfarë do të mësojmë sot?
count-lessons = { $count ->
    [one] { $count } mësim
   *[other] { $count } mësime
}
count-here = { $count ->
    [one] { $count } në këtë pajisje
   *[other] { $count } në këtë pajisje
}
count-arriving = { $count ->
    [one] { $count } po vjen
   *[other] { $count } po vijnë
}
filter-heading = Zgjidh mësimet
filter-grade = Klasa
filter-subject = Lënda
filter-all = Të gjitha
grade-name = { $grade ->
    [0] Parafillor
   *[other] Klasa { $grade }
}
continue-heading = Vazhdo aty ku mbete
state-here = Në këtë pajisje
state-arriving = Po vjen: { $percent } %
state-waiting = Rrugës
state-watched = E parë
lesson-length = Kohëzgjatja { $length }
list-all = Shfaqi të gjitha { $count }
list-next = Më tej
list-previous = Mbrapa
empty-catalog-title = Mësimet ende nuk kanë arritur
empty-catalog-help = Lidhe këtë pajisje në të njëjtin Wi-Fi ose kabllo me një shkollë a një fqinj që ka Pishtarin. Mësimet shfaqen këtu vetvetiu; nuk duhet të bësh asgjë tjetër.
empty-follow-title = Kjo pajisje nuk ndjek asnjë mësim të katalogut
empty-follow-help = { $count ->
    [one] Katalogu ka { $count } mësim, por ai nuk u takon klasave, lëndëve dhe gjuhëve të zgjedhura. Kush kujdeset për pajisjen mund të zgjedhë të tjera:
   *[other] Katalogu ka { $count } mësime, por asnjë prej tyre nuk u takon klasave, lëndëve dhe gjuhëve të zgjedhura. Kush kujdeset për pajisjen mund të zgjedhë të tjera:
}
empty-filter-title = Këtu s’ka mësim për këtë zgjedhje
empty-filter-help = Zgjidh një klasë a lëndë tjetër, ose shiko të gjitha mësimet.
empty-filter-action = Shfaq të gjitha mësimet

## Një mësim
lesson-about = Për këtë mësim
lesson-course = Më shumë nga ky kurs
lesson-more = Mësime të tjera
lesson-worksheet = Fletë pune
lesson-video = Videoja
lesson-small-video = Video e vogël
lesson-text = Teksti
lesson-audio-description = Përshkrim me zë
lesson-download = Shkarko
lesson-not-ministry = e ka bërë këtë mësim për nxënësit e vet; nuk është mësim i ministrisë.
lesson-author = Autori
lesson-licence = Licenca
lesson-language = Gjuha
lesson-captions = Titrat
lesson-length-label = Kohëzgjatja
lesson-code = Kurrikula
lesson-files-heading = Për këtë mësim
lesson-arriving = Ky mësim ende po vjen ({ $percent } %). Mund ta shikosh që tani.
lesson-none-yet = Ende s’ka arritur asgjë nga ky mësim.
lesson-waiting = Ende s’ka arritur asgjë nga ky mësim. Nis sapo ta ketë një fqinj; shtype luajtjen dhe ai vjen i pari.
lesson-complete = I gjithë mësimi është në këtë pajisje.
player-speed = Shpejtësia
player-broken = Mësimi nuk mund të luhet tani. Ndoshta është ende rrugës: provo përsëri pas pak.
player-unsupported = Ky shfletues nuk mund ta shfaqë mësimin. Mund ta shkarkosh.
player-watched = E parë { $percent } %
player-needs-script = Mësimi mund të shikohet; që të llogaritet përparimi, duhet lejuar JavaScript në këtë shfletues.
progress-saving = Po ruhet…
progress-saved = U ruajt ✓
progress-unsaved = Ende nuk është ruajtur. Pajisja provon përsëri vetë.
progress-done = Mësimi mbaroi. Të lumtë!

## Kërkimi
search-title = Kërkimi: { $query }
search-heading = Kërkimi
search-found = { $count ->
    [one] U gjet { $count } mësim
   *[other] U gjetën { $count } mësime
}
search-nothing-title = Nuk u gjet asgjë për “{ $query }”
search-nothing-help = Provo një fjalë më të shkurtër. Mund të shkruash edhe pa ë e ç, dhe në cilindo alfabet.
search-empty-title = Çfarë po kërkon?
search-empty-help = Shkruaj në kutinë lart një fjalë nga titulli a tema.

## Gjendja, për atë që kujdeset për pajisjen
status-heading = Kjo pajisje
status-lead = Si vijnë mësimet dhe si niset përparimi i nxënësve.
status-catalog = Katalogët
status-catalog-none = Ende s’ka katalog. Ai vjen nga fqinji, USB-ja ose dosja e parë që e ka.
status-version = Versioni { $version }
status-fresh = I përditësuar
status-stale = Punon; mund të ketë të reja
status-no-fresh-source = Asnjë pajisje afër nuk jep një më të re.
status-age-unknown = Punon; vjetërsia nuk dihet
status-clock-wrong = Ora e kësaj pajisjeje duket e gabuar: tregon { $date }. Mësimet punojnë njësoj; vetëm vjetërsia e tyre nuk dihet. Vendosni datën dhe orën te cilësimet e pajisjes.
publisher-ministry = Ministria e Arsimit
status-publisher-revoked = { $publisher }: ministria e ka hequr lejen e botimit dhe mësimet janë fshirë.
status-device-revoked = Ministria e ka anuluar këtë pajisje, siç bëhet me pajisjet e humbura. Mësimet shfaqen ende; por ajo që bëjnë nxënësit këtu nuk pranohet nga pajisjet e tjera. Sillni pajisjen në shkollë.
checked-never = nuk është kontrolluar kurrë
checked-unknown = kontrolluar në një kohë të panjohur
checked-now = kontrolluar tani
checked-minutes = { $count ->
    [one] kontrolluar { $count } minutë më parë
   *[other] kontrolluar { $count } minuta më parë
}
checked-hours = { $count ->
    [one] kontrolluar { $count } orë më parë
   *[other] kontrolluar { $count } orë më parë
}
checked-days = { $count ->
    [one] kontrolluar { $count } ditë më parë
   *[other] kontrolluar { $count } ditë më parë
}
status-lessons = Mësimet
status-lessons-here = { $here } nga { $all } mësimet e ndjekura janë këtu
status-lessons-known = { $count ->
    [one] Katalogu njeh { $count } mësim.
   *[other] Katalogu njeh { $count } mësime.
}
status-storage = Hapësira
status-storage-used = { $used } të zëna
status-storage-quota = { $used } të zëna nga { $quota }
status-storage-files = { $complete } skedarë të plotë, { $partial } duke ardhur
status-records = Përparimi i nxënësve
status-records-waiting = { $count ->
    [0] Asgjë nuk pret të niset
    [one] { $count } shënim pret të niset
   *[other] { $count } shënime presin të nisen
}
status-records-carried = Bartur për të tjerët
status-records-acked = Arritur dhe konfirmuar
status-records-note = Shënimet janë të vulosura: as kjo pajisje, as ato që i bartin nuk mund t’i lexojnë.
status-peers = Fqinjët
status-peers-none = Asnjë fqinj në horizont. Shiko nëse të dy pajisjet janë në të njëjtin rrjet; disa rutera Wi-Fi i mbajnë pajisjet të ndara (“client isolation”).
status-peer-on = I lidhur
status-peer-off = S’arrihet
status-peer-received = Marrë
status-peer-sent = Dërguar
status-peer-revoked = E anuluar nga ministria: nuk shkëmbehet përparim me të
status-peer-faults = { $count ->
    [one] { $count } gabim
   *[other] { $count } gabime
}
status-address = Hape nga një pajisje tjetër
status-address-note = Shkruaje këtë adresë në shfletuesin e cilësdo pajisje në të njëjtin rrjet.
status-address-local = Faqet hapen vetëm në këtë pajisje. Që t’i hapin edhe pajisje të tjera, kush kujdeset për të e nis me --web 0.0.0.0:8080.
status-id = Emri i kësaj pajisjeje në rrjet

## Kur diçka nuk shkon si duhet
error-missing-title = Kjo faqe nuk ekziston
error-missing-help = Ndoshta adresa u shkrua ndryshe, ose mësimi nuk është ndër ata që ndjek kjo pajisje.
error-withdrawn-title = Ky mësim është tërhequr
error-withdrawn-help = Këtë mësim e ka tërhequr kush e botoi ose ministria, prandaj nuk shfaqet më. Mësimet e tjera janë ende këtu.
error-failed-title = Diçka shkoi keq në këtë pajisje
error-failed-help = Nuk humbi asgjë. Provo përsëri; nëse vazhdon, rindize pajisjen dhe tregoji atij që kujdeset për të.
error-host-title = Kjo nuk është adresa e kësaj pajisjeje
error-host-help = Hapi faqet me numrin e pajisjes, për shembull http://192.168.1.20:8080, ose me emrin e saj .local.
error-forbidden-title = Kjo nuk u dërgua nga faqja jonë
error-forbidden-help = Hape përsëri mësimin në këtë pajisje dhe provo prej andej.
error-back = Te mësimet

## Lëndët
subject-mathematics = Matematikë
subject-albanian = Gjuhë shqipe
subject-serbian = Gjuhë serbe
subject-english = Gjuhë angleze
subject-turkish = Gjuhë turke
subject-bosnian = Gjuhë boshnjake
subject-romani = Gjuhë rome
subject-reading = Lexim
subject-nature = Natyra dhe shkenca
subject-biology = Biologji
subject-chemistry = Kimi
subject-physics = Fizikë
subject-history = Histori
subject-geography = Gjeografi
subject-civics = Edukatë qytetare
subject-music = Muzikë
subject-art = Art figurativ
subject-sport = Edukatë fizike
subject-computing = Informatikë
subject-health = Shëndeti
subject-language = Gjuhë

## Choosing what the device keeps
keep-heading = Çfarë ruan kjo pajisje
keep-lead = Shënoni çfarë u duhet nxënësve këtu. Madhësitë shfaqen para se të merret gjë.
keep-not-here = Vetëm kush është te kjo pajisje mund të zgjedhë. Hapeni këtë faqe në vetë pajisjen, ose le të niset me --choose-from-lan.
keep-saved = U ruajt. Mësimet që mungojnë merren nga tani.
keep-empty-group = Kur në një grup nuk shënohet asgjë, vlen i gjithë grupi.
keep-try = Shfaq sa bëhet
keep-comes-to = Kjo zgjedhje bën
keep-sum = { $count ->
    [one] { $count } mësim, { $size }
   *[other] { $count } mësime, { $size }
}
keep-here = Prej tyre tashmë këtu
keep-free = E lirë në disk
keep-quota = Më së shumti për mësime
keep-no-quota = pa kufi
keep-used = E zënë tani nga mësimet
keep-too-much = Kjo është { $size } më shumë se vendi që ka. Ruhet ajo që vjen e para; pjesa tjetër pret.
keep-save = Ruaji këto
keep-none = Ruaj vetëm mësime të veçanta
keep-now = Në fuqi tani
keep-no-rule = Asnjë rregull: vetëm mësime të zgjedhura një nga një.
keep-single = { $count ->
    [one] { $count } mësim është zgjedhur veçmas.
   *[other] { $count } mësime janë zgjedhur një nga një.
}
keep-left-out = { $count ->
    [one] { $count } është lënë jashtë veçmas.
   *[other] { $count } janë lënë jashtë një nga një.
}
keep-pinned = { $count ->
    [one] { $count } është i mbërthyer.
   *[other] { $count } janë të mbërthyer.
}
keep-order = Kur duhet vend, së pari hiqen mësimet që nuk i zgjodhi askush; të mbërthyerat nuk hiqen kurrë. Asnjë mësim që u mungon fqinjëve nuk hiqet para atyre që i kanë të tjerët afër.
keep-lesson-follow = Ruaje në këtë pajisje ({ $size })
keep-lesson-remove = Hiqe nga kjo pajisje ({ $size })
keep-lesson-pin = Mbërtheje: mos e hiq kurrë
keep-lesson-unpin = Zbërtheje
status-disk-full = Disku i kësaj pajisjeje është plot. Gjithçka që është këtu mund të shikohet; mësimet e reja vijnë kur të ketë sërish vend.
error-not-here-title = Kjo mund të zgjidhet vetëm në vetë pajisjen
search-elsewhere = Nuk ruhen në këtë pajisje
search-elsewhere-help = Vijnë nga një fqinj kur dikush i luan. Hapni një për ta ruajtur këtu.

## Signing in
sign-in = Hyr
sign-in-class = Në cilën klasë je?
sign-in-name = Cili je emri yt?
sign-in-other-class = Klasë tjetër
sign-in-other-name = Ky nuk jam unë
sign-in-pin = PIN-i yt
sign-in-family = Kjo është pajisja e familjes sonë
sign-in-family-help = Mbetesh i hyrë dhe vëllezërit e motrat mund të hyjnë krahas teje. Në shkollë lëre bosh.
sign-in-no-secret = Mësuesi nuk të ka dhënë ende figura ose PIN. Kërkoji.
sign-in-wrong = Nuk është e saktë. Provo përsëri.
sign-in-wait-short = Shumë prova të gabuara. Prit pak dhe provo përsëri.
sign-in-wait-seconds = { $count ->
    [one] Shumë prova të gabuara. Prit { $count } sekondë ose pyet mësuesin.
   *[other] Shumë prova të gabuara. Prit { $count } sekonda ose pyet mësuesin.
}
sign-in-wait-minutes = { $count ->
    [one] Shumë prova të gabuara. Prit { $count } minutë ose pyet mësuesin.
   *[other] Shumë prova të gabuara. Prit { $count } minuta ose pyet mësuesin.
}
sign-out = Dil
sign-out-all = Dalin të gjithë
who-another = Nxënës tjetër
pictures-step = Figura { $step } nga 4
picture-sun = dielli
picture-moon = hëna
picture-star = ylli
picture-house = shtëpia
picture-tree = pema
picture-flower = lulja
picture-fish = peshku
picture-bird = zogu
picture-cat = macja
picture-apple = molla
picture-ball = topi
picture-boat = varka
off-title = Me këtë lidhje nuk mund të hyhet
off-why = Kjo faqe erdhi me HTTP të thjeshtë: kushdo në këtë Wi-Fi mund ta lexonte PIN-in që shkruhet këtu. Mësimet punojnë njësoj.
off-secure = Hap lidhjen e sigurt (HTTPS)
off-no-tls = Kjo pajisje nuk ofron HTTPS. Hyr në vetë pajisjen, ose le të niset me --tls local.
connection-title = Çfarë është lidhja e sigurt
connection-is-safe = Kjo lidhje është e sigurt: askush në rrjet nuk mund të lexojë.
connection-is-not = Kjo lidhje nuk është e sigurt: kush është në të njëjtin Wi-Fi mund të lexojë.
connection-what = Mësimet janë publike dhe nuk kanë nevojë për mbrojtje. Emrat, PIN-et dhe rezultatet kanë: ato udhëtojnë vetëm me lidhje të sigurt (HTTPS), ose mbeten në vetë pajisjen.
connection-install = Mbajtja e këtyre faqeve si aplikacion dhe dërgimi i mëvonshëm i raporteve punojnë vetëm me lidhje të sigurt ose në vetë pajisjen; shfletuesit nuk e lejojnë ndryshe.
connection-warning-title = Shfletuesi paralajmëron
connection-warning = Shfletuesi yt nuk e njeh ende këtë pajisje dhe thotë se lidhja nuk është private. Shtoje një herë certifikatën e kësaj pajisjeje dhe paralajmërimi zhduket.
connection-step-1 = Shkarkoje këtu, më mirë në vetë pajisjen ose në shkollë:
connection-get = Certifikata e kësaj pajisjeje
connection-step-2 = Hape skedarin. Në telefon: Cilësimet, Siguria, Instalo certifikatë, certifikatë CA. Në kompjuter: te cilësimet e shfletuesit, Certifikatat, Autoritetet, Importo.
connection-step-3 = Hape përsëri lidhjen e sigurt.
connection-limits = Certifikata vlen vetëm për këtë pajisje në rrjete private; ajo nuk mund të garantojë për asnjë faqe tjetër.

## Cards and families
card-sign-in = Me kartë të nxënësit
card-sign-in-help = Në shtëpi, ose kur e ke harruar PIN-in
card-new = Kartë e re në këtë pajisje
card-code = Çfarë shkruan në kartë
card-code-help = Skanoje kodin me kamerë dhe kopjoje tekstin këtu, ose shkruaje. Shkronjat e mëdha dhe hapësirat nuk kanë rëndësi.
card-at-school = Në shkollën tënde mjafton karta; dy fushat e tjera mbeten bosh.
card-label = Si të thërrasin këtu në familje
card-pin = Një PIN për këtë pajisje
card-pin-help = Të paktën 4 shenja. Pa të askush nuk mund ta përdorë kartën në këtë pajisje.
card-bad = Ky nuk është teksti i një karte, ose një shenjë është gabim. Lexoje përsëri.
card-not-valid = Kjo kartë nuk vlen më. Kërkoji mësuesit kartën e re.
card-short-pin = Zgjidh një PIN me të paktën 4 shenja.
card-too-many = Kjo pajisje ka aq nxënës sa mund të mbajë.
card-title = Karta e nxënësit
card-print = Shtyp kartën
card-renew = Bëj kartë të re
card-renew-help = Për kartë të humbur: e vjetra nuk vlen më dhe pajisjet që e kanë marrë kanë nevojë për të renë.
card-renewed = Ka kartë të re; e vjetra nuk vlen më. Shtype.
card-number = karta { $number }
cards-title = Kartat e nxënësve
cards-lead = Shtype këtë faqe: tetë karta në fletë. Priti dhe jepja secilit të vetën; kush e mban kartën mund të punojë në emër të atij nxënësi.
cards-no-school = Kjo pajisje nuk është ende e një shkolle, prandaj nuk bën karta. Kush e mban e rregullon me: pishtar school init
cards-elsewhere = Kartat e këtyre nxënësve janë bërë në një kompjuter tjetër të shkollës. Shtypi atje, ose bëj të reja:

## A learner's own page
me-title = Mësimet e mia
me-hello = Përshëndetje, { $name }!
me-to-do = Për të bërë
me-begun = Të filluara
me-done = Të kryera
me-nothing-to-do = Tani s’ke detyra. Zgjidh cilindo mësim.
me-lessons = Të gjitha mësimet
me-at-home = Ajo që bën këtu ruhet e vulosur dhe udhëton te shkolla jote. Atje e sheh mësuesi yt.
work-done = E kryer
work-percent = { $percent } % e parë
work-not-begun = E pafilluar
work-points = { $points } pikë
work-due = deri më { $date }
work-assigned = detyrë
help-stuck = { $count ->
    [one] { $count } provë në një ushtrim, më së miri { $best } nga { $of } pikë
   *[other] { $count } prova në një ushtrim, më së miri { $best } nga { $of } pikë
}
help-overdue = e pakryer; afati ishte { $date }
help-stopped = { $count ->
    [one] e filluar dhe e pavazhduar prej { $count } dite
   *[other] e filluar dhe e pavazhduar prej { $count } ditësh
}

## Classes
classes-title = Klasat
classes-none = Ende s’ke klasë. Administratori t’i jep klasat.
count-learners = { $count ->
    [one] { $count } nxënës
   *[other] { $count } nxënës
}
count-assigned = { $count ->
    [one] { $count } mësim detyrë
   *[other] { $count } mësime detyrë
}
count-need-help = { $count ->
    [one] { $count } ka nevojë për ndihmë
   *[other] { $count } kanë nevojë për ndihmë
}
class-title = Klasa { $class }
class-grid = Kush çfarë bëri
class-learner = Nxënësi
class-help = Ka nevojë për ndihmë
class-empty = Në këtë klasë s’ka ende nxënës. Regjistroji një nga një, ose le ta ngarkojë administratori një tabelë.
class-assigned = Mësimi iu dha klasës.
class-taken-back = Mësimi u tërhoq.
sort-label = Rendit
sort-help = Ndihma së pari
sort-name = Sipas emrit
sort-done = Më shumë të kryera
assign-title = Jep një mësim
assign-find = Gjej një mësim
assign-lesson = Mësimi
assign-due = Deri kur (mund të mbetet bosh)
assign-action = Jepja klasës
assign-none = Nuk u gjet mësim që klasa s’e ka tashmë.
assign-no-lesson = Zgjidh një mësim nga lista.
assign-bad-day = Shkruaje ditën si 2026-12-15, ose lëre bosh.
assign-take-back = Tërhiqe
assign-take-back-of = Tërhiqe { $title }
learner-no-login = Ministria ende nuk është përgjigjur me emër hyrjeje.
learner-work = Mësimet
learner-no-work = Ende asgjë.
learner-data = Të dhënat
learner-rights = Çfarë ruhet për këtë nxënës
learner-export = Shkarko gjithçka
secret-title = Figura ose PIN
secret-is-pin = Hyn me PIN.
secret-is-pictures = Hyn me figura.
secret-is-none = Ende nuk mund të hyjë me emër: jepi PIN ose figura.
secret-new-pin = Jep PIN
secret-new-pictures = Jep figura
secret-save = Ruaj
secret-saved = U ruajt. Nxënësi hyn me këtë tani e tutje.
secret-waits = { $count ->
    [one] Pas provave të gabuara nxënësi duhet të presë { $count } sekondë.
   *[other] Pas provave të gabuara nxënësi duhet të presë { $count } sekonda.
}
secret-forgive = Le të provojë tani
secret-forgiven = Nxënësi mund të provojë tani.
secret-bad-pin = PIN-i ka 4 deri 8 shifra.
secret-easy-pin = Këtë PIN e provojnë të gjithë së pari. Merr një tjetër.
secret-bad-pictures = Zgjidh katër figura, të paktën dy të ndryshme.
secret-bad-password = Fjalëkalimi ka të paktën 10 shenja.

## Registering
register-title = Regjistro një nxënës
register-sealed = Ajo që shkruan ruhet e vulosur. Mund ta lexojnë vetëm shkolla dhe ministria.
register-wrong = Diçka ende nuk është mirë. Shiko fushat e shënuara; asgjë që shkrove nuk humbi.
register-action = Regjistro
register-done = Nxënësi u regjistrua.
register-known = Ky nxënës ishte regjistruar më parë.
field-optional = (mund të mbetet bosh)
field-name = Emri
field-surname = Mbiemri
field-parent = Prindi ose kujdestari
field-school = Shkolla
field-municipality = Komuna
field-phone = Telefoni
field-class = Klasa
field-born = Viti i lindjes
hint-name = Shkruaj emrin me shkronja, pa shifra.
hint-parent = Shkruaj emrin e prindit ose kujdestarit me shkronja.
hint-place = Shkruaje emrin.
hint-phone = Shkruaj një numër si 044 123 456 ose +383 44 123 456, ose lëre bosh.
hint-class = Shkruaj klasën si 6A ose VI/2.
hint-born = Shkruaje vitin me katër shifra, ose lëre bosh.
upload-title = Ngarko një tabelë
upload-lead = Një tabelë nxënësish, e ruajtur si CSV UTF-8. Së pari sheh çfarë u lexua; asgjë nuk merret para se ta thuash ti.
upload-file = Skedari
upload-paste = Ose ngjite tabelën
upload-columns = Rreshti i parë:
upload-class = Klasa për rreshtat pa klasë
upload-look = Shikoje
upload-nothing = Zgjidh skedarin, ose ngjite tabelën.
upload-faults = Asgjë nuk u mor. Ndreqi këta rreshta dhe ngarkoje tabelën përsëri.
upload-row = Rreshti
upload-column = Shtylla
upload-what = Çfarë të bëhet
upload-more = { $count ->
    [one] dhe { $count } tjetër
   *[other] dhe { $count } të tjera
}
upload-read = { $count ->
    [one] U lexua { $count } nxënës
   *[other] U lexuan { $count } nxënës
}
upload-confirm = { $count ->
    [one] Regjistro { $count } nxënës
   *[other] Regjistro { $count } nxënës
}
upload-taken = { $count ->
    [one] U regjistrua { $count } nxënës.
   *[other] U regjistruan { $count } nxënës.
}
upload-known = { $count ->
    [one] { $count } ishte i njohur.
   *[other] { $count } ishin të njohur.
}
erase-title = Fshije këtë nxënës
erase-heading = Të fshihet { $name }?
erase-what = Gjithçka që ruhet për këtë nxënës shkatërrohet këtu dhe në ministri: regjistrimi, karta, puna. Nuk kthehet më, dhe raportet e vjetra që ende arrijnë nuk vlejnë.
erase-type = Shkruaje emrin për ta vërtetuar: { $name }
erase-wrong = Ky nuk është emri. Asgjë nuk u fshi.
erase-not = Mos e fshij
erase-done = Nxënësi u fshi.

## The school
school-title = Shkolla
school-not-one = Kjo pajisje nuk është ende e vërtetuar si pajisje shkolle. Klasat punojnë; për karta dhe emra hyrjeje nga ministria duhet:
school-new-class = Klasë e re
school-add-class = Shto klasën
school-class-added = Klasa u shtua.
about-title = Të dhënat e shkollës
about-saved = U ruajt. Formularët fillojnë me këtë.
staff-title = Mësuesit
staff-sign-in = Mësuesit dhe administratorët
staff-sign-in-help = Me emër dhe fjalëkalim
staff-login = Emri për hyrje
staff-password = Fjalëkalimi
staff-password-help = Të paktën 10 shenja; tri a katër fjalë mjaftojnë.
staff-new = Mësues i ri
staff-add = Krijo llogarinë
staff-role = Roli
role-teacher = Mësues
role-administrator = Administrator
staff-classes = Klasat
staff-change = Ndrysho
staff-new-password = Fjalëkalim i ri
staff-remove = Hiq { $name }
staff-saved = U ruajt.
staff-bad-login = Shkruaj një emër, jo shumë të gjatë.
staff-taken = Dikush hyn tashmë me këtë emër. Shto mbiemrin.
staff-full = Ka aq llogari sa mban kjo pajisje. Hiqi ata që kanë ikur.
staff-last = Administratori i fundit nuk mund të hiqet. Bëj një tjetër më parë.
first-title = Administratori i parë
first-lead = Kjo pajisje s’ka ende administrator.
first-help = Pajisja shtypi një kod kur u nis. Kush mund ta lexojë atje bëhet administrator.
first-code = Kodi
first-make = Bëhu administrator
first-wrong = Ky nuk është kodi i kësaj pajisjeje.
switch-title = Hyrja pa lidhje të sigurt
switch-is-on = E ndezur
switch-is-off = E fikur
switch-means = Kur është e ndezur, njerëzit mund të hyjnë me HTTP të thjeshtë. Atëherë kushdo në Wi-Fi të shkollës mund të lexojë emrat, PIN-et dhe rezultatet, dhe të veprojë në emër të tjetrit.
switch-instead = Ka mënyrë më të mirë: lidhja e sigurt e kësaj pajisjeje.
switch-read = E kam lexuar çfarë do të thotë kjo.
switch-read-first = Lexo çfarë do të thotë dhe shëno se e ke lexuar.
switch-on = Ndize
switch-off = Fike
switch-saved = U ruajt.
error-sign-in-title = Hyr më parë
error-sign-in-help = Kjo faqe është për ata që kanë hyrë.
error-not-yours-title = Kjo faqe nuk është jotja
error-not-yours-help = Mund ta hapin të tjerë në shkollë. Nëse duhet ta hapësh edhe ti, pyet administratorin.
error-stale-title = Ky formular ishte i vjetër
error-stale-help = Ndërkohë dikush hyri ose doli. Hape faqen përsëri dhe dërgoje edhe një herë; asgjë nuk u ndryshua.
error-large-title = Kjo është tepër përnjëherë
error-large-help = Ndaje tabelën në më të vogla.
error-revoked-title = Kjo pajisje u lajmërua e humbur
error-revoked-help = Ministria e ka shfuqizuar. Ajo shfaq mësime, por askush nuk mund të hyjë më në të. Pyet shkollën.
