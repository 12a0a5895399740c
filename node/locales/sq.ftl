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
